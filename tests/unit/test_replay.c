/* SPDX-License-Identifier: MIT */
/*
 * The replay against the kernel. Random calls, failing ones among them, are made on a small arena; what the replay
 * makes of their records must be what /proc/self/maps says. Then the same records with times as two or three threads
 * could have had them: wider, overlapping, handed over by their return. What the replay then claims without calling it
 * open must be true in the order in which the calls were made.
 *
 * REPLAY_SEED=N runs the one sequence that a failure named.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/effect.h"
#include "replay/space.h"

#define PAGE ((uint64_t)RECORD_PAGE_BYTES)
#define ARENA_PAGES 16
#define CALLS_MAX 12
#define SEQUENCES 12000
#define LIVES_MAX 4096
#define FILE_PAGES 64
#define THREADS 3

struct lives {
	struct replay_life lives[LIVES_MAX];
	size_t count;
};

struct sequence {
	uint64_t seed, state;
	uint64_t arena;
	int file, read_only, refusing; /* a memfd, the same for reading only, one whose mmap fails late */
	struct memory_event events[CALLS_MAX];
	size_t count;
	const struct memory_event *handed; /* to the replay last; NULL: events */
	struct lives truth;
};

static uint64_t draw(struct sequence *sequence, uint64_t bound)
{
	sequence->state ^= sequence->state << 13;
	sequence->state ^= sequence->state >> 7;
	sequence->state ^= sequence->state << 17;
	return (sequence->state >> 11) % bound;
}

static void print_sequence(const struct sequence *sequence)
{
	const struct memory_event *events = sequence->handed ? sequence->handed : sequence->events;

	for (size_t i = 0; i < sequence->count; i++) {
		const struct memory_event *event = &events[i];

		print_error("%" PRId64 ": %" PRIu64 "-%" PRIu64 " %s(", event->id, event->enter_ns, event->exit_ns,
			    memory_kind_name(event->kind));
		for (int j = 0; j < 6; j++)
			print_error("%" PRIx64 " ",
				    event->args[j] >= sequence->arena && event->args[j] < sequence->arena * 2
					    ? (event->args[j] - sequence->arena) / PAGE
					    : event->args[j]);
		print_error(") = %" PRIx64 "\n",
			    event->result > 0 ? (event->result - (int64_t)sequence->arena) / 4096 : event->result);
	}
}

#define require(sequence, condition)                                                                                   \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			print_error("REPLAY_SEED=%" PRIu64 ": %s, line %d\n", (sequence)->seed, #condition, __LINE__); \
			print_sequence(sequence);                                                                      \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

/* ---- calls ---- */

static int64_t result_of(const void *address)
{
	return address == MAP_FAILED ? -errno : (int64_t)(uintptr_t)address;
}

static void *host(uint64_t address)
{
	return (void *)(uintptr_t)address; // NOLINT: the child's own memory
}

static int draw_protection(struct sequence *sequence)
{
	static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};

	return protections[draw(sequence, 4)];
}

static struct memory_event do_mmap(struct sequence *sequence, uint64_t start, uint64_t bytes)
{
	int protection = draw_protection(sequence), flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, fd = -1;
	uint64_t offset = 0;
	struct memory_event event = {.kind = MEMORY_MMAP};

	switch (draw(sequence, 8)) {
	case 0:
		flags = MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS;
		break;
	case 1:
	case 2:
		fd = sequence->file;
		flags = MAP_FIXED | MAP_PRIVATE;
		break;
	case 3:
		fd = sequence->read_only;
		flags = MAP_FIXED | MAP_SHARED;
		protection = PROT_READ;
		break;
	case 4:
		fd = sequence->refusing;
		flags = MAP_FIXED | MAP_SHARED;
		break;
	case 5:
		fd = draw(sequence, 2) ? 987 : -1; /* EBADF */
		flags = fd < 0 ? MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS : MAP_FIXED | MAP_PRIVATE;
		break;
	default:
		break;
	}
	if (fd >= 0)
		offset = draw(sequence, FILE_PAGES / 2) * PAGE;
	event.result = result_of(mmap(host(start), bytes, protection, flags, fd, (off_t)offset));
	event.file_id = fd >= 0 && event.result > 0 ? 1 : 0;
	memcpy(event.args, (uint64_t[6]){start, bytes, (uint64_t)protection, (uint64_t)flags, (uint64_t)fd, offset},
	       sizeof(event.args));
	return event;
}

static struct memory_event do_mremap(struct sequence *sequence, uint64_t start, uint64_t bytes)
{
	uint64_t new_page = draw(sequence, ARENA_PAGES), room = ARENA_PAGES - new_page;
	uint64_t target = sequence->arena + new_page * PAGE,
		 new_bytes = (draw(sequence, room < 6 ? room : 6) + 1) * PAGE;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	struct memory_event event = {.kind = MEMORY_MREMAP};

	switch (draw(sequence, 6)) {
	case 0:
	case 1:
		flags = 0;
		target = 0;
		break;
	case 2:
		flags |= MREMAP_DONTUNMAP;
		new_bytes = bytes;
		if (target + new_bytes > sequence->arena + ARENA_PAGES * PAGE)
			target = sequence->arena;
		break;
	case 3:
	case 4: /* several mappings go at once only at the same size */
		new_bytes = bytes;
		if (target + new_bytes > sequence->arena + ARENA_PAGES * PAGE)
			target = sequence->arena;
		break;
	default:
		break;
	}
	event.result = result_of(mremap(host(start), bytes, new_bytes, flags, host(target)));
	memcpy(event.args, (uint64_t[6]){start, bytes, new_bytes, (uint64_t)flags, target}, sizeof(event.args));
	return event;
}

static struct memory_event do_call(struct sequence *sequence)
{
	uint64_t page = draw(sequence, ARENA_PAGES), room = ARENA_PAGES - page;
	uint64_t start = sequence->arena + page * PAGE, bytes = (draw(sequence, room < 8 ? room : 8) + 1) * PAGE;
	int protection = draw_protection(sequence);
	struct memory_event event = {0};

	if (draw(sequence, 12) == 0)
		start += 1; /* EINVAL */
	switch (draw(sequence, 10)) {
	case 0:
	case 1:
	case 2:
		return do_mmap(sequence, start, bytes);
	case 3:
	case 4:
		event.kind = MEMORY_MUNMAP;
		event.result = munmap(host(start), bytes) ? -errno : 0;
		break;
	case 5:
	case 6:
		event.kind = MEMORY_MPROTECT;
		event.result = mprotect(host(start), bytes, protection) ? -errno : 0;
		event.args[2] = (uint64_t)protection;
		break;
	case 7:
		event.kind = MEMORY_MADVISE;
		event.result = madvise(host(start), bytes, MADV_DONTNEED) ? -errno : 0;
		event.args[2] = MADV_DONTNEED;
		break;
	default:
		return do_mremap(sequence, start, bytes);
	}
	event.args[0] = start;
	event.args[1] = bytes;
	return event;
}

/* A stretch of addresses where the kernel puts nothing by itself: below what it gave out last, it may. So everything
 * goes to fixed addresses, and in place growth stops at the next mapping. */
static void make_calls(struct sequence *sequence, uint64_t seed)
{
	uint64_t arena = sequence->arena;

	sequence->seed = seed;
	sequence->state = seed * 0x9e3779b97f4a7c15ULL + 1;
	sequence->truth.count = 0;
	sequence->count = draw(sequence, CALLS_MAX) + 1;
	munmap(host(arena), 4 * ARENA_PAGES * PAGE);
	for (size_t i = 0; i < sequence->count; i++) {
		sequence->events[i] = do_call(sequence);
		sequence->events[i].id = (int64_t)i + 1;
		sequence->events[i].enter_ns = 1000 * (i + 1);
		sequence->events[i].exit_ns = sequence->events[i].enter_ns + 10;
	}
}

/* ---- what the kernel says ---- */

struct page {
	bool is_mapped;
	int protection;
	bool is_file;
	uint64_t offset;
};

static void read_maps(struct sequence *sequence, struct page pages[ARENA_PAGES])
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];

	require(sequence, file);
	memset(pages, 0, ARENA_PAGES * sizeof(*pages));
	while (fgets(line, sizeof(line), file)) {
		uint64_t start, end, offset, inode;
		char flags[8];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %" SCNu64, &start, &end, flags, &offset,
			   &inode) != 5)
			continue;
		for (uint64_t i = 0; i < ARENA_PAGES; i++) {
			uint64_t address = sequence->arena + i * PAGE;

			if (address < start || address >= end)
				continue;
			pages[i] = (struct page){
				.is_mapped = true,
				.protection = (flags[0] == 'r' ? PROT_READ : 0) | (flags[1] == 'w' ? PROT_WRITE : 0) |
					      (flags[2] == 'x' ? PROT_EXEC : 0),
				.is_file = inode != 0,
				.offset = offset + address - start,
			};
		}
	}
	fclose(file);
}

/* ---- what the replay says ---- */

static struct error *keep_life(void *context, const struct replay_life *life)
{
	struct lives *lives = context;

	if (lives->count == LIVES_MAX)
		return error_format(ERROR_INVALID, "too many lives");
	lives->lives[lives->count++] = *life;
	return NULL;
}

/* All that is known in the beginning is that the arena is free. */
static void run_replay(struct sequence *sequence, const struct memory_event *events, struct lives *lives)
{
	const struct replay_sink sink = {.take_life = keep_life, .context = lives};
	const struct memory_event cleared = {
		.id = 1,
		.kind = MEMORY_MUNMAP,
		.args = {sequence->arena, ARENA_PAGES * PAGE},
		.enter_ns = 1,
		.exit_ns = 2,
	};
	struct replay replay;

	lives->count = 0;
	sequence->handed = events;
	replay_init(&replay, &sink);
	require(sequence, !replay_take(&replay, &cleared, 0, NULL));
	for (size_t i = 0; i < sequence->count; i++)
		require(sequence, !replay_take(&replay, &events[i], events[i].id, NULL));
	require(sequence, !replay_finish(&replay));
	replay_deinit(&replay);
}

static const struct replay_life *standing_at(const struct lives *lives, uint64_t address)
{
	for (size_t i = 0; i < lives->count; i++)
		if (address >= lives->lives[i].start && address < lives->lives[i].end &&
		    lives->lives[i].gone == REPLAY_STANDING)
			return &lives->lives[i];
	return NULL;
}

/* A page whose end is open may be gone in truth. */
static void check_against_maps(struct sequence *sequence, const struct lives *lives, const struct page *pages,
			       uint64_t *open)
{
	for (uint64_t i = 0; i < ARENA_PAGES; i++) {
		uint64_t address = sequence->arena + i * PAGE;
		const struct replay_life *life = standing_at(lives, address);

		if (life && life->is_open) {
			++*open;
			continue;
		}
		require(sequence, !life == !pages[i].is_mapped);
		if (!life)
			continue;
		require(sequence, life->content.protection == pages[i].protection);
		require(sequence, (life->content.file_id != 0) == pages[i].is_file);
		if (life->content.file_id)
			require(sequence, address + life->content.file_shift == pages[i].offset);
	}
}

static bool holds(const struct lives *lives, uint64_t address, const struct replay_life *wanted)
{
	for (size_t i = 0; i < lives->count; i++) {
		const struct replay_life *life = &lives->lives[i];

		/* Where the call that made the true life may have ended early, nothing is claimed. */
		if (address >= life->start && address < life->end && life->made == wanted->made &&
		    (life->is_open ||
		     (life->gone == wanted->gone &&
		      (wanted->content.protection < 0 || life->content.protection == wanted->content.protection))))
			return true;
	}
	return false;
}

/* Each life that is claimed is one of the true ones, page by page. */
static void check_against_truth(struct sequence *sequence, const struct lives *claimed, uint64_t *closed,
				uint64_t *open)
{
	for (size_t i = 0; i < claimed->count; i++) {
		const struct replay_life *life = &claimed->lives[i];

		if (life->is_open) {
			++*open;
			continue;
		}
		++*closed;
		for (uint64_t address = life->start; address < life->end; address += PAGE)
			if (!holds(&sequence->truth, address, life)) {
				print_error("page %" PRIu64 ": made by %" PRId64 ", gone %" PRId64 ", protection %d\n",
					    (address - sequence->arena) / PAGE, life->made, life->gone,
					    life->content.protection);
				require(sequence, !"claimed, and not true");
			}
	}
}

/* ---- times as threads have them ---- */

static int compare_exits(const void *left, const void *right)
{
	const struct memory_event *a = left, *b = right;

	return (a->exit_ns > b->exit_ns) - (a->exit_ns < b->exit_ns);
}

/* Each call took effect in the middle of its second thousand; it began some time before, and returned some time after.
 * A thread makes one call at a time. */
static void widen(struct sequence *sequence, struct memory_event *events)
{
	uint64_t free_from[THREADS] = {0};

	for (size_t i = 0; i < sequence->count; i++) {
		uint64_t moment = 10000 * (i + 1), enter = moment - 1 - draw(sequence, 15000);
		size_t thread = draw(sequence, THREADS);

		for (size_t tried = 0; free_from[thread] >= moment && tried < THREADS; tried++)
			thread = (thread + 1) % THREADS;
		events[i] = sequence->events[i];
		events[i].tid = (uint32_t)thread;
		if (free_from[thread] >= moment) {
			events[i].tid = (uint32_t)(1000 + i); /* a thread of its own */
			free_from[thread] = 0;
		}
		events[i].enter_ns = enter > free_from[thread] || enter > moment ? enter : free_from[thread] + 1;
		if (enter > moment)
			events[i].enter_ns = moment - 1;
		events[i].exit_ns = moment + 1 + draw(sequence, draw(sequence, 2) ? 25000 : 3000);
		free_from[thread] = events[i].exit_ns;
	}
	qsort(events, sequence->count, sizeof(*events), compare_exits);
}

/* ---- */

static int run_sequences(void)
{
	static struct sequence sequence;
	static struct lives claimed;
	const char *wanted = getenv("REPLAY_SEED");
	uint64_t first = wanted ? strtoull(wanted, NULL, 0) : 1, open_pages = 0, wide_open = 0, wide_closed = 0;
	char path[64];

	sequence.file = memfd_create("replay", 0);
	sequence.refusing = socket(AF_INET, SOCK_DGRAM, 0);
	require(&sequence, sequence.file >= 0 && sequence.refusing >= 0);
	require(&sequence, !ftruncate(sequence.file, FILE_PAGES * PAGE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", sequence.file);
	sequence.read_only = open(path, O_RDONLY);
	sequence.arena =
		(uint64_t)(uintptr_t)mmap(NULL, 4 * ARENA_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (uint64_t seed = first; seed < first + (wanted ? 1 : SEQUENCES); seed++) {
		struct memory_event wide[CALLS_MAX];
		struct page pages[ARENA_PAGES];

		make_calls(&sequence, seed);
		read_maps(&sequence, pages);
		run_replay(&sequence, sequence.events, &sequence.truth);
		check_against_maps(&sequence, &sequence.truth, pages, &open_pages);
		widen(&sequence, wide);
		run_replay(&sequence, wide, &claimed);
		check_against_truth(&sequence, &claimed, &wide_closed, &wide_open);
	}
	print_message("%" PRIu64 " pages of %d open in order; overlapping: %" PRIu64 " lives claimed, %" PRIu64
		      " open\n",
		      open_pages, SEQUENCES * ARENA_PAGES, wide_closed, wide_open);
	/* A replay that calls everything open would pass the rest. */
	if (!wanted) {
		require(&sequence, open_pages < (uint64_t)SEQUENCES * ARENA_PAGES / 10);
		require(&sequence, wide_closed > wide_open);
	}
	return 0;
}

/* In a child, whose memory may be taken away as the kernel likes. */
static void replays_are_what_the_kernel_did(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(run_sequences());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_are_what_the_kernel_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
