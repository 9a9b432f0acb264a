/* SPDX-License-Identifier: MIT */
/*
 * Makes random sequences of calls of whatever allocator is loaded (LD_PRELOAD), in one to three threads that pass their
 * blocks to each other. front.c writes the calls down, in operations of one call of the program each; what the program
 * frees it may free, and it keeps book of it (log.h).
 *
 * Usage: allocator-calls SEED SEQUENCES, with the log's file as descriptor 3. Exits with 0, or with 2 when the log is
 * full or something is missing.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/allocators/front.h"

#define THREADS_MAX 3
#define SLOTS 24
#define OPERATIONS_MAX 48
#define HUGE_BYTES ((size_t)1 << 60)

/* ---- operations ---- */

enum origin { BY_C, BY_NEW, BY_NEW_ARRAY, BY_NEW_NOTHROW, BY_NEW_ALIGNED };

struct held {
	uint32_t life; /* index, plus one; 0: an empty slot */
	uint8_t origin;
	uint8_t alignment_shift;
};

/* Blocks that any thread may take; packed into one word each. */
static _Atomic uint64_t slots[SLOTS];
static _Atomic uint32_t operation_count;
static uint32_t sequence_number;

static uint64_t pack(struct held held)
{
	return (uint64_t)held.life << 16 | (uint64_t)held.origin << 8 | held.alignment_shift;
}

static struct held unpack(uint64_t word)
{
	return (struct held){(uint32_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word};
}

static size_t draw_size(void)
{
	switch (front_draw(16)) {
	case 0:
		return 0;
	case 1:
		return front_draw(300000);
	case 2:
	case 3:
		return 1024 + front_draw(8192);
	case 4: /* the same size again and again: addresses come back soon */
	case 5:
	case 6:
	case 7:
		return 2000;
	default:
		return front_draw(256);
	}
}

static void begin_operation(void)
{
	self.depth = 0;
	self.operation = ++operation_count;
}

static uint32_t end_operation(void)
{
	uint32_t operation = self.operation;

	self.operation = 0;
	return operation;
}

static struct held note_made(void *block, size_t size, uint32_t operation, uint8_t origin, uint8_t alignment_shift)
{
	uint32_t at = front_log->life_count++;

	if (at >= LOG_LIVES_MAX)
		_exit(2);
	front_log->lives[at] = (struct allocator_life){
		.address = (uintptr_t)block, .size = size, .made_by = operation, .sequence = sequence_number};
	return (struct held){at + 1, origin, alignment_shift};
}

static void note_gone(struct held held, uint32_t operation)
{
	front_log->lives[held.life - 1].gone_by = operation;
}

static void *address_of(struct held held)
{
	return (void *)front_log->lives[held.life - 1].address; // NOLINT: this process's own
}

/* Volatile, so that no compiler knows better what a size makes of a call. */
static struct held do_allocate(void)
{
	volatile size_t size = draw_size();
	uint8_t shift = (uint8_t)(4 + front_draw(10)), origin = BY_C;
	size_t alignment = (size_t)1 << shift;
	bool fails = front_draw(24) == 0;
	void *block = NULL;
	uint32_t operation;

	if (fails)
		size = HUGE_BYTES;
	begin_operation();
	switch (front_draw(fails ? 7 : 13)) {
	case 0:
		block = calloc(fails ? size : 1 + size / 8, 8);
		size = fails ? size : (1 + size / 8) * 8;
		break;
	case 1:
		block = realloc(NULL, size);
		break;
	case 2:
		block = memalign(alignment, size);
		break;
	case 3:
		size = (size + alignment - 1) & ~(alignment - 1);
		block = aligned_alloc(alignment, size);
		break;
	case 4:
		if (posix_memalign(&block, alignment, size) != 0)
			block = NULL;
		break;
	case 5:
		block = front_has("reallocarray") ? reallocarray(NULL, size, 1) : NULL;
		break;
	case 6:
		block = front_has("_ZnwmRKSt9nothrow_t") ? _ZnwmRKSt9nothrow_t(size, "") : NULL;
		origin = BY_NEW_NOTHROW;
		break;
	case 7:
		block = front_has("valloc") ? valloc(size) : NULL;
		break;
	case 8:
		block = front_has("_Znwm") ? _Znwm(size) : NULL;
		origin = BY_NEW;
		break;
	case 9:
		block = front_has("_Znam") ? _Znam(size) : NULL;
		origin = BY_NEW_ARRAY;
		break;
	case 10:
		block = front_has("_ZnwmSt11align_val_t") ? _ZnwmSt11align_val_t(size, alignment) : NULL;
		origin = BY_NEW_ALIGNED;
		break;
	default:
		block = malloc(size);
		break;
	}
	operation = end_operation();
	return block ? note_made(block, size, operation, origin, shift) : (struct held){0};
}

static void do_free(struct held held)
{
	void *block = address_of(held);
	size_t size = front_log->lives[held.life - 1].size;

	begin_operation();
	switch (held.origin) {
	case BY_NEW:
		if (front_draw(2) && front_has("_ZdlPvm"))
			_ZdlPvm(block, size);
		else
			_ZdlPv(block);
		break;
	case BY_NEW_ARRAY:
		if (front_draw(2) && front_has("_ZdaPvm"))
			_ZdaPvm(block, size);
		else
			_ZdaPv(block);
		break;
	case BY_NEW_NOTHROW:
		if (front_draw(2) && front_has("_ZdlPvRKSt9nothrow_t"))
			_ZdlPvRKSt9nothrow_t(block, "");
		else
			_ZdlPv(block);
		break;
	case BY_NEW_ALIGNED:
		_ZdlPvSt11align_val_t(block, (size_t)1 << held.alignment_shift);
		break;
	default:
		free(block);
		break;
	}
	note_gone(held, end_operation());
}

/* What is left of the block, under its old address or another: nothing after a realloc to nothing. */
static struct held do_realloc(struct held held)
{
	volatile size_t size = front_draw(8) == 0 ? 0 : draw_size();
	bool fails = front_draw(12) == 0, array = front_has("reallocarray") && front_draw(4) == 0;
	void *old = address_of(held), *block;
	uint32_t operation;

	if (fails)
		size = HUGE_BYTES;
	begin_operation();
	block = array ? reallocarray(old, size, 1) : realloc(old, size);
	operation = end_operation();
	if (!block && size)
		return held;
	note_gone(held, operation);
	return block ? note_made(block, size, operation, BY_C, 4) : (struct held){0};
}

static void do_operation(void)
{
	_Atomic uint64_t *slot = &slots[front_draw(SLOTS)];
	struct held held = unpack(*slot ? atomic_exchange(slot, 0) : 0);

	if (!held.life)
		held = do_allocate();
	else if (held.origin == BY_C && front_draw(2) == 0)
		held = do_realloc(held);
	else
		do_free(held), held = (struct held){0};
	if (front_draw(40) == 0) {
		begin_operation();
		free(NULL);
		end_operation();
	}
	/* Another thread may have filled the slot: its block is ours then. */
	if (held.life)
		held = unpack(atomic_exchange(slot, pack(held)));
	if (held.life)
		do_free(held);
}

/* ---- sequences ---- */

static pthread_barrier_t barrier;
static uint64_t sequence_seed;
static uint32_t sequence_threads;
static bool is_over;

static void run_part(void)
{
	if (self.tid > sequence_threads)
		return;
	self.random = (sequence_seed * 0x9e3779b97f4a7c15ULL + self.tid * 0xbf58476d1ce4e5b9ULL) | 1;
	for (uint64_t i = 0, count = 4 + front_draw(OPERATIONS_MAX); i < count; i++)
		do_operation();
}

static void *work(void *number)
{
	self.tid = (uint32_t)(uintptr_t)number;
	for (;;) {
		pthread_barrier_wait(&barrier);
		if (is_over)
			return NULL;
		run_part();
		pthread_barrier_wait(&barrier);
	}
}

static void run_sequence(uint64_t seed)
{
	sequence_seed = seed;
	sequence_threads = 1 + (uint32_t)(seed % THREADS_MAX);
	operation_count = 0;
	pthread_barrier_wait(&barrier);
	run_part();
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < SLOTS; i++) {
		struct held held = unpack(atomic_exchange(&slots[i], 0));

		if (!held.life)
			continue;
		front_log->lives[held.life - 1].usable = front_usable_size(address_of(held));
		if (held.origin == BY_NEW_ALIGNED)
			_ZdlPvSt11align_val_t(address_of(held), (size_t)1 << held.alignment_shift);
		else if (held.origin == BY_NEW_ARRAY)
			_ZdaPv(address_of(held));
		else if (held.origin != BY_C)
			_ZdlPv(address_of(held));
		else
			free(address_of(held));
	}
	front_log->sequences[front_log->sequence_count++] = (struct allocator_sequence){
		.seed = seed,
		.threads = sequence_threads,
		.event_end = front_log->event_count,
		.life_end = front_log->life_count,
	};
	sequence_number++;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	uint64_t seed, count;

	if (argc != 3)
		return 2;
	seed = strtoull(argv[1], NULL, 10);
	count = strtoull(argv[2], NULL, 10);
	front_log = mmap(NULL, sizeof(*front_log), PROT_READ | PROT_WRITE, MAP_SHARED, LOG_FD, 0);
	if (front_log == MAP_FAILED || !front_begin() || count > LOG_SEQUENCES_MAX)
		return 2;
	pthread_barrier_init(&barrier, NULL, THREADS_MAX);
	self.tid = 1;
	for (uintptr_t i = 2; i <= THREADS_MAX; i++)
		if (pthread_create(&threads[i - 1], NULL, work, (void *)i) != 0)
			return 2;
	for (uint64_t i = 0; i < count; i++)
		run_sequence(seed + i);
	is_over = true;
	pthread_barrier_wait(&barrier);
	for (size_t i = 1; i < THREADS_MAX; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
