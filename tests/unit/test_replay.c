/* SPDX-License-Identifier: MIT */
/*
 * The replay against the kernel. Random calls, failing ones among them, are made on some pages; what the replay makes
 * of their records must be what /proc/self/maps and /proc/self/pagemap say, page by page: mapped, permissions, file and
 * offset, guard, and no contents where a call threw them away. So it must be in a child that is forked then. Then the
 * same records with times as two or three threads could have had them: wider, overlapping, handed over by their return.
 * What the replay then claims without calling it open must be true in the order in which the calls were made.
 *
 * REPLAY_SEED=N runs the one sequence that a failure named; REPLAY_SOAK=N runs N sequences of up to 200 calls, each
 * with a fork.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/fork.h"
#include "replay/kernel.h"
#include "replay/space.h"
#include "tests/unit/replay_calls.h"
#include "tests/unit/replay_lives.h"

#define SEQUENCES 12000
#define CALLS_MAX 12
#define SOAK_CALLS_MAX 200
#define FORKS_OF 8 /* one of so many sequences ends with a fork */
#define THREADS 3
#define CHILD_SPACE 1

struct counts {
	uint64_t pages, open_pages, guards, emptied, left_out, children;
	uint64_t claimed, open; /* of overlapping calls */
};

#define require(sequence, condition)                                                                                   \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "REPLAY_SEED=%" PRIu64 ": %s, line %d\n", (sequence)->seed, #condition,        \
				__LINE__);                                                                             \
			calls_print(sequence);                                                                         \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

/* ---- what the replay says ---- */

static struct memory_event cleared(uint64_t start, uint64_t bytes)
{
	return (struct memory_event){
		.id = 1, .kind = MEMORY_MUNMAP, .args = {start, bytes}, .enter_ns = 1, .exit_ns = 2};
}

/* All that is known in the beginning is that the windows are free. */
static void run_replay(struct sequence *sequence, const struct memory_event *events, bool forks, struct lives *lives)
{
	const struct replay_sink sink = {.take_life = keep_life, .context = lives};
	const struct memory_event arena = cleared(sequence->arena, ARENA_PAGES * PAGE);
	const struct memory_event at_break = cleared(sequence->program_break, BREAK_PAGES * PAGE);
	const struct replay_fork fork = {
		.child_id = CHILD_SPACE, .enter_ns = 1000 * (CALLS_ROOM + 1), .exit_ns = 1000 * (CALLS_ROOM + 1)};
	struct replay replay;

	lives->count = 0;
	sequence->handed = events;
	replay_init(&replay, &sink);
	replay.follows = REPLAY_ALL_ADVICE;
	require(sequence, !replay_take(&replay, &arena, 0, NULL));
	require(sequence, !replay_take(&replay, &at_break, 0, NULL));
	for (size_t i = 0; i < sequence->count; i++)
		require(sequence, !replay_take(&replay, &events[i], events[i].id, NULL));
	if (forks)
		require(sequence, !replay_fork(&replay, &fork));
	require(sequence, !replay_finish(&replay));
	replay_deinit(&replay);
}

static bool has_advice(const struct sequence *sequence, int64_t id, uint64_t advice)
{
	return id > 0 && sequence->events[id - 1].kind == MEMORY_MADVISE && sequence->events[id - 1].args[2] == advice;
}

/* Pages that MADV_FREE gave back may be there still; shared ones that were discarded are the file's again. */
static bool must_be_empty(const struct sequence *sequence, const struct replay_life *life)
{
	return life->content.marks.discarded_by != REPLAY_NO_CALL && !life->content.file_id &&
	       (life->content.flags & MAP_TYPE) == MAP_PRIVATE &&
	       !has_advice(sequence, life->content.marks.discarded_by, ADVICE_FREE);
}

/* A page whose end is open may be gone in truth. */
static void check_pages(struct sequence *sequence, const struct lives *lives, int64_t space_id,
			const struct page *pages, struct counts *counts)
{
	for (size_t i = 0; i < PAGES; i++) {
		uint64_t address = calls_address(sequence, i);
		const struct replay_life *life = last_at(lives, space_id, address);
		const struct history_marks *marks;

		/* What ended before the fork is the parent's alone. */
		if (!life && space_id == CHILD_SPACE) {
			life = last_at(lives, 0, address);
			life = life && life->is_open ? life : NULL;
		}
		marks = life ? &life->content.marks : NULL;
		counts->pages++;
		if (life && life->is_open) {
			counts->open_pages++;
			continue;
		}
		if (life && life->gone != REPLAY_STANDING)
			life = NULL;
		if (!life != !pages[i].is_mapped) {
			fprintf(stderr, "page %zu, space %" PRId64 "\n", i, space_id);
			print_lives(lives, address);
		}
		require(sequence, !life == !pages[i].is_mapped);
		if (!life)
			continue;
		require(sequence, life->content.protection == pages[i].protection);
		require(sequence, (life->content.file_id != 0) == pages[i].is_file);
		require(sequence, (life->content.shm == SHM_ATTACHED) == pages[i].is_segment);
		if (pages[i].is_file || pages[i].is_segment)
			require(sequence, address + life->content.file_shift == pages[i].offset);
		if (life->has_open_marks) {
			counts->open_pages++;
			continue;
		}
		if (sequence->shows_guards && (marks->guarded_by != REPLAY_NO_CALL) != pages[i].is_guarded)
			fprintf(stderr, "page %zu, space %" PRId64 ", guard of %" PRId64 "\n", i, space_id,
				marks->guarded_by);
		require(sequence,
			!sequence->shows_guards || (marks->guarded_by != REPLAY_NO_CALL) == pages[i].is_guarded);
		counts->guards += pages[i].is_guarded;
		if (!must_be_empty(sequence, life))
			continue;
		if (pages[i].has_contents)
			fprintf(stderr, "page %zu, space %" PRId64 "\n", i, space_id);
		require(sequence, !pages[i].has_contents);
		counts->emptied++;
	}
}

static void check_child(struct sequence *sequence, const struct lives *lives, struct page *shared,
			struct counts *counts)
{
	pid_t child = fork();
	int status;

	require(sequence, child >= 0);
	if (child == 0)
		_exit(calls_read_pages(sequence, shared) ? 1 : 0);
	require(sequence, waitpid(child, &status, 0) == child && status == 0);
	check_pages(sequence, lives, CHILD_SPACE, shared, counts);
	counts->children++;
	for (size_t i = 0; i < PAGES; i++) {
		const struct replay_life *life = last_at(lives, 0, calls_address(sequence, i));

		counts->left_out += life && life->gone == REPLAY_STANDING && !life->is_open && !shared[i].is_mapped;
	}
}

/* ---- overlapping calls ---- */

static bool is_same_marks(const struct history_marks *left, const struct history_marks *right)
{
	return left->guarded_by == right->guarded_by && left->discarded_by == right->discarded_by &&
	       left->unforked_by == right->unforked_by && left->wiped_by == right->wiped_by;
}

static bool holds(const struct lives *lives, uint64_t address, const struct replay_life *wanted)
{
	for (size_t i = 0; i < lives->count; i++) {
		const struct replay_life *life = &lives->lives[i];

		if (address < life->start || address >= life->end || life->made != wanted->made)
			continue;
		/* Where the call that made the true life may have ended early, nothing is claimed. */
		if (life->is_open)
			return true;
		if (life->gone != wanted->gone ||
		    (wanted->content.protection >= 0 && life->content.protection != wanted->content.protection))
			continue;
		/* A piece that was moved has the marks of where it came from, which may have been another. */
		if (wanted->has_open_marks || life->has_open_marks || wanted->content.protection < 0 ||
		    is_same_marks(&life->content.marks, &wanted->content.marks))
			return true;
	}
	return false;
}

/* Each life that is claimed is one of the true ones, page by page. */
static void check_against_truth(struct sequence *sequence, const struct lives *truth, const struct lives *claimed,
				struct counts *counts)
{
	for (size_t i = 0; i < claimed->count; i++) {
		const struct replay_life *life = &claimed->lives[i];

		if (life->is_open) {
			counts->open++;
			continue;
		}
		counts->claimed++;
		for (uint64_t address = life->start; address < life->end; address += PAGE)
			if (!holds(truth, address, life)) {
				fprintf(stderr, "claimed:\n");
				print_life(life);
				fprintf(stderr, "true:\n");
				print_lives(truth, address);
				require(sequence, !"claimed, and not true");
			}
	}
}

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
		uint64_t moment = 10000 * (i + 1), enter = moment - 1 - calls_draw(sequence, 15000);
		size_t thread = calls_draw(sequence, THREADS);

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
		events[i].exit_ns = moment + 1 + calls_draw(sequence, calls_draw(sequence, 2) ? 25000 : 3000);
		free_from[thread] = events[i].exit_ns;
	}
	qsort(events, sequence->count, sizeof(*events), compare_exits);
}

/* ---- */

static uint64_t number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : 0;
}

static void *run_sequences(void *unused)
{
	static struct sequence sequence;
	static struct lives truth, claimed;
	static struct memory_event wide[CALLS_ROOM];
	const uint64_t wanted = number_of("REPLAY_SEED"), soak = number_of("REPLAY_SOAK");
	const uint64_t first = wanted ?: 1, count = wanted ? 1 : soak ?: SEQUENCES;
	struct page *shared =
		mmap(NULL, PAGES * sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct counts counts = {0};
	uint64_t calls = 0;

	require(&sequence, shared != MAP_FAILED && !calls_init(&sequence));
	for (uint64_t seed = first; seed < first + count; seed++) {
		bool forks = wanted || soak || seed % FORKS_OF == 0;
		struct page pages[PAGES];

		calls_make(&sequence, seed, soak ? SOAK_CALLS_MAX : CALLS_MAX);
		calls += sequence.count;
		require(&sequence, !calls_read_pages(&sequence, pages));
		run_replay(&sequence, sequence.events, forks, &truth);
		check_pages(&sequence, &truth, 0, pages, &counts);
		if (forks)
			check_child(&sequence, &truth, shared, &counts);
		widen(&sequence, wide);
		run_replay(&sequence, wide, false, &claimed);
		check_against_truth(&sequence, &truth, &claimed, &counts);
	}
	printf("%" PRIu64 " sequences, %" PRIu64 " calls: %" PRIu64 " of %" PRIu64 " pages open, %" PRIu64
	       " guards, %" PRIu64 " emptied; %" PRIu64 " children, %" PRIu64 " pages left out; overlapping: %" PRIu64
	       " lives claimed, %" PRIu64 " open\n",
	       count, calls, counts.open_pages, counts.pages, counts.guards, counts.emptied, counts.children,
	       counts.left_out, counts.claimed, counts.open);
	fflush(stdout);
	/* A replay that calls everything open would pass the rest. */
	if (!wanted) {
		require(&sequence, counts.open_pages < counts.pages / (soak ? 3 : 30));
		require(&sequence, counts.claimed > counts.open / (soak ? 4 : 1));
		require(&sequence, (counts.guards || !sequence.shows_guards) && counts.emptied && counts.left_out);
	}
	return unused;
}

/* In a child, whose memory may be taken away as the kernel likes; in a thread, whose memory glibc does not take from
 * the program break. */
static void replays_are_what_the_kernel_did(void **state)
{
	pid_t child;
	int status;

	(void)state;
	fflush(stdout);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, run_sequences, NULL) || pthread_join(thread, NULL))
			_exit(2);
		_exit(0);
	}
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
