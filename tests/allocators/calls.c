/* SPDX-License-Identifier: MIT */
/*
 * Makes random sequences of calls of whatever allocator is loaded (LD_PRELOAD), in one to three threads that pass their
 * blocks to each other, and writes each call down as a heap recorder would: a free at its entry, all others at entry
 * and return. It has the allocator's functions itself, in front of the real ones, so that the malloc inside operator
 * new is seen too. All that it frees it may free; it keeps book of it (log.h).
 *
 * Usage: allocator-calls SEED SEQUENCES, with the log's file as descriptor 3. Exits with 0, or with 2 when the log is
 * full or something is missing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/allocators/log.h"

#define THREADS_MAX 3
#define SLOTS 24
#define OPERATIONS_MAX 48
#define BOOT_BYTES 65536
#define HUGE_BYTES ((size_t)1 << 60)

static struct allocator_log *log_file;

/* ---- the real functions ---- */

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*valloc)(size_t);
	void (*free)(void *);
	void (*free_sized)(void *, size_t);
	size_t (*usable_size)(void *);
	void *(*new)(size_t);
	void *(*new_array)(size_t);
	void *(*new_nothrow)(size_t, const void *);
	void *(*new_aligned)(size_t, size_t);
	void (*delete)(void *);
	void (*delete_array)(void *);
	void (*delete_sized)(void *, size_t);
	void (*delete_array_sized)(void *, size_t);
	void (*delete_nothrow)(void *, const void *);
	void (*delete_aligned)(void *, size_t);
} real;

/* dlsym allocates before there is anything to allocate with. */
static alignas(16) char boot[BOOT_BYTES];
static size_t boot_used;

static void *boot_allocate(size_t size)
{
	size_t at = boot_used;

	boot_used += (size + 15) & ~(size_t)15;
	if (boot_used > BOOT_BYTES)
		_exit(2);
	return boot + at;
}

static bool is_boot(const void *block)
{
	return (const char *)block >= boot && (const char *)block < boot + BOOT_BYTES;
}

static const struct {
	void *function; /* where its address goes */
	const char *name;
} functions[] = {
	{&real.malloc, "malloc"},
	{&real.calloc, "calloc"},
	{&real.realloc, "realloc"},
	{&real.reallocarray, "reallocarray"},
	{&real.memalign, "memalign"},
	{&real.aligned_alloc, "aligned_alloc"},
	{&real.posix_memalign, "posix_memalign"},
	{&real.valloc, "valloc"},
	{&real.free, "free"},
	{&real.free_sized, "free_sized"},
	{&real.usable_size, "malloc_usable_size"},
	{&real.new, "_Znwm"},
	{&real.new_array, "_Znam"},
	{&real.new_nothrow, "_ZnwmRKSt9nothrow_t"},
	{&real.new_aligned, "_ZnwmSt11align_val_t"},
	{&real.delete, "_ZdlPv"},
	{&real.delete_array, "_ZdaPv"},
	{&real.delete_sized, "_ZdlPvm"},
	{&real.delete_array_sized, "_ZdaPvm"},
	{&real.delete_nothrow, "_ZdlPvRKSt9nothrow_t"},
	{&real.delete_aligned, "_ZdlPvSt11align_val_t"},
};

/* Those that were not found yet, behind this program or in a library. */
static void find(void *library)
{
	for (size_t i = sizeof(functions) / sizeof(functions[0]);
	     i-- > 0;) { /* malloc last: it says that all are there */
		void *function;

		memcpy(&function, functions[i].function, sizeof(function));
		if (function)
			continue;
		function = dlsym(library, functions[i].name);
		memcpy(functions[i].function, &function, sizeof(function));
	}
}

/* False while the functions are being looked for: then memory is the boot's. */
static bool has_real(void)
{
	static bool is_looking;

	if (!real.malloc && !is_looking) {
		is_looking = true;
		find(RTLD_NEXT);
	}
	return real.malloc;
}

/* ---- writing down ---- */

static _Thread_local struct {
	uint32_t tid;
	uint32_t operation; /* 0: what is called is not written down */
	uint32_t depth;
	uint64_t random;
} self;

static uint64_t draw(uint64_t bound)
{
	self.random ^= self.random << 13;
	self.random ^= self.random >> 7;
	self.random ^= self.random << 17;
	return (self.random >> 11) % bound;
}

/* The moments at which a thread may lose the processor without having made a mistake. */
static void linger(void)
{
	if (draw(12) == 0)
		sched_yield();
	else if (draw(6) == 0)
		for (volatile int i = 0; i < 400; i++)
			;
}

static uint64_t stamp(void)
{
	return ++log_file->clock;
}

static struct heap_event begin(enum function_role role, void *function, const char *frame, void *caller, void *old,
			       size_t size, size_t alignment)
{
	struct heap_event event = {
		.function_id = self.operation,
		.role = role,
		.tid = self.tid,
		.ip = (uintptr_t)function,
		.sp = (uintptr_t)frame + 8, /* the return address lies behind the saved frame pointer */
		.top_word = (uintptr_t)caller,
		.old_block = (uintptr_t)old,
		.size = size,
		.alignment = alignment,
		.stack_id = self.depth,
	};

	event.enter_ns = stamp();
	self.depth++;
	linger();
	return event;
}

static void write_event(const struct heap_event *event)
{
	uint32_t at = log_file->event_count++;

	if (at >= LOG_EVENTS_MAX)
		_exit(2);
	log_file->events[at] = *event;
}

static void end(struct heap_event *event, void *block)
{
	self.depth--;
	linger();
	event->block = (uintptr_t)block;
	event->exit_ns = stamp();
	write_event(event);
}

/* A free is told before the allocator has it. */
static void write_free(enum function_role role, void *function, const char *frame, void *caller, void *block)
{
	struct heap_event event = begin(role, function, frame, caller, block, 0, 0);

	event.exit_ns = event.enter_ns;
	write_event(&event);
}

#define BEGIN(function, role, old, size, alignment)                                                                    \
	begin(role, (void *)(function), __builtin_frame_address(0), __builtin_return_address(0), old, size, alignment)

#define WRITE_FREE(function, role, block)                                                                              \
	write_free(role, (void *)(function), __builtin_frame_address(0), __builtin_return_address(0), block)

#define EXPORT __attribute__((visibility("default"), noinline))

static size_t product(size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

EXPORT void *malloc(size_t size)
{
	struct heap_event event;
	void *block;

	if (!has_real())
		return boot_allocate(size);
	if (!self.operation)
		return real.malloc(size);
	event = BEGIN(malloc, FUNCTION_MALLOC, NULL, size, 0);
	block = real.malloc(size);
	end(&event, block);
	return block;
}

EXPORT void *calloc(size_t count, size_t size)
{
	struct heap_event event;
	void *block;

	if (!has_real())
		return boot_allocate(count * size);
	if (!self.operation)
		return real.calloc(count, size);
	event = BEGIN(calloc, FUNCTION_CALLOC, NULL, product(count, size), 0);
	block = real.calloc(count, size);
	end(&event, block);
	return block;
}

EXPORT void *realloc(void *old, size_t size)
{
	struct heap_event event;
	void *block;

	if (!has_real() || is_boot(old)) {
		block = real.malloc ? real.malloc(size) : boot_allocate(size);
		if (old && block)
			memcpy(block, old,
			       size < (size_t)(boot + boot_used - (char *)old)
				       ? size
				       : (size_t)(boot + boot_used - (char *)old));
		return block;
	}
	if (!self.operation)
		return real.realloc(old, size);
	event = BEGIN(realloc, FUNCTION_REALLOC, old, size, 0);
	block = real.realloc(old, size);
	end(&event, block);
	return block;
}

EXPORT void *reallocarray(void *old, size_t count, size_t size)
{
	struct heap_event event;
	void *block;

	if (!self.operation)
		return real.reallocarray(old, count, size);
	event = BEGIN(reallocarray, FUNCTION_REALLOCARRAY, old, product(count, size), 0);
	block = real.reallocarray(old, count, size);
	end(&event, block);
	return block;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
	struct heap_event event;
	void *block;

	if (!self.operation)
		return real.memalign(alignment, size);
	event = BEGIN(memalign, FUNCTION_ALIGNED_ALLOC, NULL, size, alignment);
	block = real.memalign(alignment, size);
	end(&event, block);
	return block;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	struct heap_event event;
	void *block;

	if (!self.operation)
		return real.aligned_alloc(alignment, size);
	event = BEGIN(aligned_alloc, FUNCTION_ALIGNED_ALLOC, NULL, size, alignment);
	block = real.aligned_alloc(alignment, size);
	end(&event, block);
	return block;
}

EXPORT int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	struct heap_event event;
	int status;

	if (!self.operation)
		return real.posix_memalign(ret_block, alignment, size);
	event = BEGIN(posix_memalign, FUNCTION_POSIX_MEMALIGN, NULL, size, alignment);
	status = real.posix_memalign(ret_block, alignment, size);
	end(&event, status == 0 ? *ret_block : NULL);
	return status;
}

EXPORT void *valloc(size_t size)
{
	struct heap_event event;
	void *block;

	if (!self.operation)
		return real.valloc(size);
	event = BEGIN(valloc, FUNCTION_MALLOC, NULL, size, 0);
	block = real.valloc(size);
	end(&event, block);
	return block;
}

EXPORT void free(void *block)
{
	if (!block || is_boot(block) || !has_real())
		return;
	if (!self.operation) {
		real.free(block);
		return;
	}
	WRITE_FREE(free, FUNCTION_FREE, block);
	real.free(block);
	self.depth--;
}

EXPORT void free_sized(void *block, size_t size)
{
	if (!self.operation) {
		real.free_sized(block, size);
		return;
	}
	WRITE_FREE(free_sized, FUNCTION_FREE, block);
	real.free_sized(block, size);
	self.depth--;
}

/* ---- operator new and delete, by their names in the Itanium C++ ABI ---- */

#define NEW(name, real_name, parameters, ...)                                                                          \
	EXPORT void *name parameters;                                                                                  \
	EXPORT void *name parameters                                                                                   \
	{                                                                                                              \
		struct heap_event event;                                                                               \
		void *block;                                                                                           \
		if (!has_real() || !self.operation)                                                                    \
			return real.real_name(__VA_ARGS__);                                                            \
		event = BEGIN(name, FUNCTION_NEW, NULL, size, 0);                                                      \
		block = real.real_name(__VA_ARGS__);                                                                   \
		end(&event, block);                                                                                    \
		return block;                                                                                          \
	}

NEW(_Znwm, new, (size_t size), size)
NEW(_Znam, new_array, (size_t size), size)
NEW(_ZnwmRKSt9nothrow_t, new_nothrow, (size_t size, const void *tag), size, tag)
NEW(_ZnwmSt11align_val_t, new_aligned, (size_t size, size_t alignment), size, alignment)

/* Those with a jump end in one: nothing is left to do when the real one returns. */
#define DELETE_BY_JUMP(name, real_name, parameters, ...)                                                               \
	EXPORT void name parameters;                                                                                   \
	EXPORT void name parameters                                                                                    \
	{                                                                                                              \
		if (has_real() && self.operation && block)                                                             \
			WRITE_FREE(name, FUNCTION_DELETE, block);                                                      \
		real.real_name(__VA_ARGS__);                                                                           \
	}

#define DELETE_BY_CALL(name, real_name, parameters, ...)                                                               \
	EXPORT void name parameters;                                                                                   \
	EXPORT void name parameters                                                                                    \
	{                                                                                                              \
		if (has_real() && self.operation && block)                                                             \
			WRITE_FREE(name, FUNCTION_DELETE, block);                                                      \
		real.real_name(__VA_ARGS__);                                                                           \
		__asm__ volatile("");                                                                                  \
	}

DELETE_BY_JUMP(_ZdlPv, delete, (void *block), block)
DELETE_BY_CALL(_ZdaPv, delete_array, (void *block), block)
DELETE_BY_JUMP(_ZdlPvm, delete_sized, (void *block, size_t size), block, size)
DELETE_BY_CALL(_ZdaPvm, delete_array_sized, (void *block, size_t size), block, size)
DELETE_BY_CALL(_ZdlPvRKSt9nothrow_t, delete_nothrow, (void *block, const void *tag), block, tag)
DELETE_BY_JUMP(_ZdlPvSt11align_val_t, delete_aligned, (void *block, size_t alignment), block, alignment)

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
	switch (draw(16)) {
	case 0:
		return 0;
	case 1:
		return draw(300000);
	case 2:
	case 3:
		return 1024 + draw(8192);
	case 4: /* the same size again and again: addresses come back soon */
	case 5:
	case 6:
	case 7:
		return 2000;
	default:
		return draw(256);
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
	uint32_t at = log_file->life_count++;

	if (at >= LOG_LIVES_MAX)
		_exit(2);
	log_file->lives[at] = (struct allocator_life){
		.address = (uintptr_t)block, .size = size, .made_by = operation, .sequence = sequence_number};
	return (struct held){at + 1, origin, alignment_shift};
}

static void note_gone(struct held held, uint32_t operation)
{
	log_file->lives[held.life - 1].gone_by = operation;
}

static void *address_of(struct held held)
{
	return (void *)log_file->lives[held.life - 1].address; // NOLINT: this process's own
}

/* Volatile, so that no compiler knows better what a size makes of a call. */
static struct held do_allocate(void)
{
	volatile size_t size = draw_size();
	uint8_t shift = (uint8_t)(4 + draw(10)), origin = BY_C;
	size_t alignment = (size_t)1 << shift;
	bool fails = draw(24) == 0;
	void *block = NULL;
	uint32_t operation;

	if (fails)
		size = HUGE_BYTES;
	begin_operation();
	switch (draw(fails ? 7 : 13)) {
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
		block = real.reallocarray ? reallocarray(NULL, size, 1) : NULL;
		break;
	case 6:
		block = real.new_nothrow ? _ZnwmRKSt9nothrow_t(size, "") : NULL;
		origin = BY_NEW_NOTHROW;
		break;
	case 7:
		block = real.valloc ? valloc(size) : NULL;
		break;
	case 8:
		block = real.new ? _Znwm(size) : NULL;
		origin = BY_NEW;
		break;
	case 9:
		block = real.new_array ? _Znam(size) : NULL;
		origin = BY_NEW_ARRAY;
		break;
	case 10:
		block = real.new_aligned ? _ZnwmSt11align_val_t(size, alignment) : NULL;
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
	size_t size = log_file->lives[held.life - 1].size;

	begin_operation();
	switch (held.origin) {
	case BY_NEW:
		if (draw(2) && real.delete_sized)
			_ZdlPvm(block, size);
		else
			_ZdlPv(block);
		break;
	case BY_NEW_ARRAY:
		if (draw(2) && real.delete_array_sized)
			_ZdaPvm(block, size);
		else
			_ZdaPv(block);
		break;
	case BY_NEW_NOTHROW:
		if (draw(2) && real.delete_nothrow)
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
	volatile size_t size = draw(8) == 0 ? 0 : draw_size();
	bool fails = draw(12) == 0, array = real.reallocarray && draw(4) == 0;
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
	_Atomic uint64_t *slot = &slots[draw(SLOTS)];
	struct held held = unpack(*slot ? atomic_exchange(slot, 0) : 0);

	if (!held.life)
		held = do_allocate();
	else if (held.origin == BY_C && draw(2) == 0)
		held = do_realloc(held);
	else
		do_free(held), held = (struct held){0};
	if (draw(40) == 0) {
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
	for (uint64_t i = 0, count = 4 + draw(OPERATIONS_MAX); i < count; i++)
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
		log_file->lives[held.life - 1].usable = real.usable_size(address_of(held));
		if (held.origin == BY_NEW_ALIGNED)
			_ZdlPvSt11align_val_t(address_of(held), (size_t)1 << held.alignment_shift);
		else if (held.origin == BY_NEW_ARRAY)
			_ZdaPv(address_of(held));
		else if (held.origin != BY_C)
			_ZdlPv(address_of(held));
		else
			free(address_of(held));
	}
	log_file->sequences[log_file->sequence_count++] = (struct allocator_sequence){
		.seed = seed,
		.threads = sequence_threads,
		.event_end = log_file->event_count,
		.life_end = log_file->life_count,
	};
	sequence_number++;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	uint64_t seed, count;
	void *library;

	if (argc != 3)
		return 2;
	seed = strtoull(argv[1], NULL, 10);
	count = strtoull(argv[2], NULL, 10);
	log_file = mmap(NULL, sizeof(*log_file), PROT_READ | PROT_WRITE, MAP_SHARED, LOG_FD, 0);
	if (log_file == MAP_FAILED || !has_real() || !real.usable_size || count > LOG_SEQUENCES_MAX)
		return 2;
	/* The operators, where the allocator has none of its own. */
	library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
	if (library)
		find(library);
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
