/* SPDX-License-Identifier: MIT */
/* Lives of heap blocks: nesting, realloc in its four outcomes, reuse, wrong frees, calls at the same time, gaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replay/heap_lives.h"
#include "schema/sql_replay.h"

#define A 0x5000ULL
#define B 0x6000ULL
#define TOO_MUCH (1ULL << 60)

static struct heap_event made(uint32_t tid, uint64_t enter, uint64_t exit, enum function_role role, uint64_t old_block,
			      uint64_t block, uint64_t size)
{
	static int64_t id;

	return (struct heap_event){.id = ++id,
				   .role = role,
				   .tid = tid,
				   .enter_ns = enter,
				   .exit_ns = exit,
				   .ip = 0x1000 + (uint64_t)role * 0x10000,
				   .sp = 0x7000,
				   .top_word = 0x400000 + enter,
				   .old_block = old_block,
				   .block = block,
				   .size = size};
}

#define BUILD(...)                                                                                                     \
	struct heap_event events[] = {__VA_ARGS__};                                                                    \
	struct heap heap;                                                                                              \
	assert_null(heap_build(events, sizeof(events) / sizeof(events[0]), &heap))

static void one_life(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 30, FUNCTION_FREE, A, 0, 0));
	assert_int_equal(heap.life_count, 1);
	assert_int_equal(heap.lives[0].born, 0);
	assert_int_equal(heap.lives[0].died, 1);
	assert_int_equal(heap.ends[1], HEAP_END_LIFE);
	assert_ptr_equal(heap_last_life(&heap, A + 99), &heap.lives[0]);
	assert_null(heap_last_life(&heap, A + 100));
	heap_deinit(&heap);
}

static void double_free(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 30, FUNCTION_FREE, A, 0, 0),
	      made(2, 40, 40, FUNCTION_FREE, A, 0, 0));
	assert_int_equal(heap.ends[2], HEAP_END_AGAIN);
	assert_int_equal(heap.lives[heap.ended[2]].died, 1);
	heap_deinit(&heap);
}

static void reuse_is_no_double_free(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 30, FUNCTION_FREE, A, 0, 0),
	      made(2, 32, 35, FUNCTION_MALLOC, 0, A, 100), made(1, 40, 40, FUNCTION_FREE, A, 0, 0));
	assert_int_equal(heap.ends[3], HEAP_END_LIFE);
	assert_int_equal(heap.life_count, 2);
	heap_deinit(&heap);
}

static void new_calls_malloc(void **state)
{
	(void)state;
	BUILD(made(1, 12, 18, FUNCTION_MALLOC, 0, A, 100), made(1, 10, 20, FUNCTION_NEW, 0, A, 100),
	      made(1, 30, 30, FUNCTION_DELETE, A, 0, 0), made(1, 31, 31, FUNCTION_FREE, A, 0, 0));
	events[3].top_word = events[2].top_word; /* it jumped */
	heap_deinit(&heap);
	assert_null(heap_build(events, 4, &heap));
	assert_int_equal(heap.life_count, 1);
	assert_int_equal(heap.lives[0].born, 1);
	assert_int_equal(heap.lives[0].died, 2);
	assert_int_equal(heap.outer[3], 2);
	assert_int_equal(heap.ends[3], HEAP_END_NONE);
	heap_deinit(&heap);
}

/* delete in a loop, each of them jumping to free, from one call site. */
static void delete_twice(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_NEW, 0, A, 100), made(1, 30, 30, FUNCTION_DELETE, A, 0, 0),
	      made(1, 31, 31, FUNCTION_FREE, A, 0, 0), made(1, 40, 40, FUNCTION_DELETE, A, 0, 0),
	      made(1, 41, 41, FUNCTION_FREE, A, 0, 0));
	for (int i = 1; i < 5; i++)
		events[i].top_word = 0x400000;
	heap_deinit(&heap);
	assert_null(heap_build(events, 5, &heap));
	assert_int_equal(heap.ends[1], HEAP_END_LIFE);
	assert_int_equal(heap.outer[2], 1);
	assert_int_equal(heap.ends[3], HEAP_END_AGAIN);
	assert_int_equal(heap.outer[4], 3);
	heap_deinit(&heap);
}

/* The same where free cannot be seen, and a sized delete jumps to a plain one. */
static void sized_delete_twice(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_NEW, 0, A, 100), made(1, 30, 30, FUNCTION_DELETE, A, 0, 0),
	      made(1, 31, 31, FUNCTION_DELETE, A, 0, 0), made(1, 40, 40, FUNCTION_DELETE, A, 0, 0),
	      made(1, 41, 41, FUNCTION_DELETE, A, 0, 0));
	for (int i = 1; i < 5; i++) {
		events[i].top_word = 0x400000;
		events[i].ip = i % 2 ? 0x1000 : 0x2000;
	}
	heap_deinit(&heap);
	assert_null(heap_build(events, 5, &heap));
	assert_int_equal(heap.outer[2], 1);
	assert_int_equal(heap.outer[3], 3);
	assert_int_equal(heap.ends[3], HEAP_END_AGAIN);
	heap_deinit(&heap);
}

static void delete_then_free(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_NEW, 0, A, 100), made(1, 30, 30, FUNCTION_DELETE, A, 0, 0),
	      made(1, 31, 31, FUNCTION_FREE, A, 0, 0), made(1, 40, 40, FUNCTION_FREE, A, 0, 0));
	events[2].top_word = events[1].top_word;
	heap_deinit(&heap);
	assert_null(heap_build(events, 4, &heap));
	assert_int_equal(heap.outer[2], 1);
	assert_int_equal(heap.ends[3], HEAP_END_AGAIN);
	heap_deinit(&heap);
}

static void realloc_outcomes(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_REALLOC, 0, A, 100),	   /* of NULL */
	      made(1, 30, 40, FUNCTION_REALLOC, A, A, 50),	   /* in place */
	      made(1, 50, 60, FUNCTION_REALLOC, A, 0, 1ULL << 60), /* failed */
	      made(1, 70, 80, FUNCTION_REALLOC, A, B, 500),	   /* moved */
	      made(1, 90, 95, FUNCTION_REALLOC, B, 0, 0));	   /* to nothing */
	assert_int_equal(heap.life_count, 3);
	assert_true(heap_life_resized(&heap, &heap.lives[0]));
	assert_int_equal(heap.lives[1].size, 50);
	assert_int_equal(heap.lives[1].died, 3);
	assert_false(heap_life_resized(&heap, &heap.lives[1]));
	assert_int_equal(heap.lives[2].died, 4);
	heap_deinit(&heap);
}

/* realloc moves: it calls malloc and free inside. */
static void realloc_calls_both(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 31, 32, FUNCTION_MALLOC, 0, B, 500),
	      made(1, 33, 33, FUNCTION_FREE, A, 0, 0), made(1, 30, 40, FUNCTION_REALLOC, A, B, 500));
	assert_int_equal(heap.life_count, 2);
	assert_int_equal(heap.lives[0].died, 3);
	assert_int_equal(heap.lives[1].born, 3);
	heap_deinit(&heap);
}

/* Another thread gets the old block before realloc is back. */
static void realloc_returns_late(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(2, 33, 35, FUNCTION_MALLOC, 0, A, 60),
	      made(1, 30, 40, FUNCTION_REALLOC, A, B, 500), made(2, 50, 50, FUNCTION_FREE, A, 0, 0));
	assert_int_equal(heap.lives[0].died, 2);
	assert_int_equal(heap.ends[3], HEAP_END_LIFE);
	assert_int_equal(heap.lives[heap.ended[3]].born, 1);
	heap_deinit(&heap);
}

static void unseen(void **state)
{
	(void)state;
	BUILD(made(1, 10, 10, FUNCTION_FREE, A, 0, 0), made(1, 20, 20, FUNCTION_FREE, A, 0, 0),
	      made(1, 30, 30, FUNCTION_FREE, 0, 0, 0), made(1, 40, 45, FUNCTION_MALLOC, 0, B, 10),
	      made(1, 50, 55, FUNCTION_MALLOC, 0, B, 10));
	assert_int_equal(heap.ends[0], HEAP_END_UNKNOWN);
	assert_int_equal(heap.ends[1], HEAP_END_AGAIN);
	assert_int_equal(heap.ends[2], HEAP_END_NONE);
	assert_true(heap.lives[1].died == HEAP_UNSEEN);
	assert_true(heap.lives[2].died == HEAP_ALIVE);
	heap_deinit(&heap);
}

static void interior_and_neighbours(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 20, 25, FUNCTION_MALLOC, 0, A + 112, 100),
	      made(1, 30, 30, FUNCTION_FREE, A + 16, 0, 0));
	assert_int_equal(heap.ends[2], HEAP_END_INTERIOR);
	assert_int_equal(heap.ended[2], 0);
	assert_ptr_equal(heap_live_before(&heap, A + 104), &heap.lives[0]);
	assert_ptr_equal(heap_live_before(&heap, A + 300), &heap.lives[1]);
	assert_ptr_equal(heap_live_after(&heap, A + 104), &heap.lives[1]);
	assert_null(heap_live_before(&heap, A + 50));
	heap_deinit(&heap);
}

static void never_returned(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 0, FUNCTION_REALLOC, A, 0, 500));
	assert_int_equal(heap.ends[1], HEAP_END_LIFE);
	assert_true(heap.lives[0].died == HEAP_ALIVE);
	heap_deinit(&heap);
}

static void order(void **state)
{
	struct heap_event first = made(1, 10, 10, FUNCTION_FREE, A, 0, 0);
	struct heap_event close = made(2, 500, 500, FUNCTION_FREE, A, 0, 0);
	struct heap_event far = made(2, 5000000, 5000000, FUNCTION_FREE, A, 0, 0);
	struct heap_event made_in_time = made(3, 1, 600, FUNCTION_MALLOC, 0, A, 1);

	(void)state;
	assert_false(heap_ordered(&first, &close));
	assert_true(heap_ordered(&first, &far));
	assert_false(heap_ordered(&made_in_time, &close));
	assert_true(heap_ordered(&made_in_time, &far));
}

/* A signal's handler allocates between the return of malloc and that of the operator new around it. */
static void new_interrupted(void **state)
{
	(void)state;
	BUILD(made(1, 12, 18, FUNCTION_MALLOC, 0, A, 100), made(1, 19, 20, FUNCTION_MALLOC, 0, B, 50),
	      made(1, 21, 21, FUNCTION_FREE, B, 0, 0), made(1, 10, 30, FUNCTION_NEW, 0, A, 100));
	assert_int_equal(heap.life_count, 2);
	assert_int_equal(heap.outer[0], 3);
	assert_int_equal(heap.outer[1], 1);
	assert_int_equal(heap_last_life(&heap, A)->born, 3);
	heap_deinit(&heap);
}

/* And between an operator delete and the free that it jumps to. */
static void delete_interrupted(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_NEW, 0, A, 100), made(1, 30, 30, FUNCTION_DELETE, A, 0, 0),
	      made(1, 31, 35, FUNCTION_MALLOC, 0, B, 50), made(1, 36, 36, FUNCTION_FREE, B, 0, 0),
	      made(1, 40, 40, FUNCTION_FREE, A, 0, 0));
	events[4].top_word = events[1].top_word;
	heap_deinit(&heap);
	assert_null(heap_build(events, 5, &heap));
	assert_int_equal(heap.outer[4], 1);
	assert_int_equal(heap.ends[4], HEAP_END_NONE);
	assert_int_equal(heap.ends[3], HEAP_END_LIFE);
	heap_deinit(&heap);
}

/* glibc's reallocarray calls realloc, which gives the block back and returns nothing. */
static void reallocarray_to_nothing(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 31, 32, FUNCTION_REALLOC, A, 0, 0),
	      made(1, 30, 33, FUNCTION_REALLOCARRAY, A, 0, 0));
	assert_int_equal(heap.outer[1], 2);
	assert_int_equal(heap.ends[1], HEAP_END_NONE);
	assert_int_equal(heap.ends[2], HEAP_END_LIFE);
	assert_int_equal(heap.lives[0].died, 2);
	heap_deinit(&heap);
}

/* The address is used more often than the replay remembers before the realloc is back; then its outer call. */
static void check_very_late(uint64_t block, uint64_t size)
{
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(2, 33, 35, FUNCTION_MALLOC, 0, A, 60),
	      made(2, 36, 36, FUNCTION_FREE, A, 0, 0), made(2, 37, 38, FUNCTION_MALLOC, 0, A, 60),
	      made(2, 39, 39, FUNCTION_FREE, A, 0, 0), made(2, 40, 41, FUNCTION_MALLOC, 0, A, 60),
	      made(2, 42, 42, FUNCTION_FREE, A, 0, 0), made(2, 43, 44, FUNCTION_MALLOC, 0, A, 60),
	      made(1, 31, 50, FUNCTION_REALLOC, A, block, size), made(2, 52, 52, FUNCTION_FREE, A, 0, 0),
	      made(2, 53, 54, FUNCTION_MALLOC, 0, A, 60), made(2, 55, 55, FUNCTION_FREE, A, 0, 0),
	      made(2, 56, 57, FUNCTION_MALLOC, 0, A, 60), made(2, 58, 58, FUNCTION_FREE, A, 0, 0),
	      made(2, 59, 60, FUNCTION_MALLOC, 0, A, 60), made(1, 30, 61, FUNCTION_REALLOCARRAY, A, block, size));
	for (size_t i = 0; i < 16; i++)
		assert_true(heap.ends[i] == HEAP_END_NONE || heap.ends[i] == HEAP_END_LIFE);
	assert_int_equal(heap.lives[0].died, 15);
	assert_int_equal(heap.outer[8], 15);
	assert_int_equal(heap.ends[15], HEAP_END_LIFE);
	assert_int_equal(heap.ended[15], 0);
	if (block)
		assert_int_equal(heap_last_life(&heap, block)->born, 15);
	assert_int_equal(heap_last_life(&heap, A)->born, 14);
	assert_true(heap_last_life(&heap, A)->died == HEAP_ALIVE);
	heap_deinit(&heap);
}

static void realloc_returns_very_late(void **state)
{
	(void)state;
	check_very_late(B, 500);
	check_very_late(0, 0); /* glibc gives it back and returns nothing */
}

/* A pointer from before the address was handed out again: the younger block lives on. */
static void stale_realloc(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 30, FUNCTION_FREE, A, 0, 0),
	      made(2, 33, 45, FUNCTION_MALLOC, 0, A, 60), made(1, 40, 50, FUNCTION_REALLOC, A, B, 500));
	assert_int_equal(heap.ends[3], HEAP_END_AGAIN);
	assert_int_equal(heap.ended[3], 0);
	assert_true(heap.lives[1].died == HEAP_ALIVE);
	heap_deinit(&heap);
}

/* The same one nanosecond later: it may well be the younger block's. */
static void fresh_realloc(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 30, FUNCTION_FREE, A, 0, 0),
	      made(2, 33, 45, FUNCTION_MALLOC, 0, A, 60), made(1, 45, 50, FUNCTION_REALLOC, A, B, 500));
	assert_int_equal(heap.ends[3], HEAP_END_LIFE);
	assert_int_equal(heap.lives[1].died, 3);
	heap_deinit(&heap);
}

static void never_returned_and_reused(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(2, 40, 45, FUNCTION_MALLOC, 0, A, 60),
	      made(1, 30, 0, FUNCTION_REALLOC, A, 0, 500));
	assert_int_equal(heap.lives[0].died, 2);
	assert_true(heap.lives[1].died == HEAP_ALIVE);
	heap_deinit(&heap);
}

/* delete by way of a free that is not seen; the same call site frees the next block there. */
static void delete_then_reuse(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_NEW, 0, A, 100), made(1, 30, 30, FUNCTION_DELETE, A, 0, 0),
	      made(2, 40, 45, FUNCTION_MALLOC, 0, A, 100), made(1, 50, 50, FUNCTION_FREE, A, 0, 0));
	events[3].top_word = events[1].top_word;
	heap_deinit(&heap);
	assert_null(heap_build(events, 4, &heap));
	assert_int_equal(heap.outer[3], 3);
	assert_int_equal(heap.ends[3], HEAP_END_LIFE);
	assert_int_equal(heap.lives[1].died, 3);
	heap_deinit(&heap);
}

/* Inside of a block that has died, or that another has taken the place of, lies no live one. */
static void interior_near_misses(void **state)
{
	(void)state;
	BUILD(made(1, 10, 20, FUNCTION_MALLOC, 0, A, 0x100), made(1, 30, 30, FUNCTION_FREE, A + 0x10, 0, 0),
	      made(1, 31, 31, FUNCTION_FREE, A + 0x10, 0, 0), made(1, 32, 32, FUNCTION_FREE, A + 0x100, 0, 0),
	      made(1, 40, 45, FUNCTION_MALLOC, 0, A + 0x80, 0x20), made(1, 50, 50, FUNCTION_FREE, A + 0x20, 0, 0),
	      made(1, 60, 60, FUNCTION_FREE, A + 0x90, 0, 0), made(1, 70, 70, FUNCTION_FREE, A + 0x80, 0, 0),
	      made(1, 80, 80, FUNCTION_FREE, A + 0x98, 0, 0));
	assert_int_equal(heap.ends[1], HEAP_END_INTERIOR);
	assert_int_equal(heap.ends[2], HEAP_END_INTERIOR);
	assert_int_equal(heap.ends[3], HEAP_END_UNKNOWN);
	assert_int_equal(heap.ends[5], HEAP_END_UNKNOWN);
	assert_int_equal(heap.ends[6], HEAP_END_INTERIOR);
	assert_int_equal(heap.lives[heap.ended[6]].born, 4);
	assert_int_equal(heap.ends[7], HEAP_END_LIFE);
	assert_int_equal(heap.ends[8], HEAP_END_UNKNOWN);
	heap_deinit(&heap);
}

/* ---- the replay itself ---- */

#define SEEN_MAX 16

struct seen {
	struct heap_replay_life lives[SEEN_MAX];
	struct heap_replay_end ends[SEEN_MAX];
	size_t life_count, end_count;
};

static struct error *see_life(void *context, const struct heap_replay_life *life)
{
	struct seen *seen = context;

	assert_true(seen->life_count < SEEN_MAX);
	seen->lives[seen->life_count++] = *life;
	return NULL;
}

static struct error *see_end(void *context, const struct heap_replay_end *end)
{
	struct seen *seen = context;

	assert_true(seen->end_count < SEEN_MAX);
	seen->ends[seen->end_count++] = *end;
	return NULL;
}

static void see(struct seen *seen, const struct heap_event *events, size_t count, const struct heap_gap *gaps,
		size_t gap_count)
{
	const struct heap_replay_sink sink = {.take_life = see_life, .take_end = see_end, .context = seen};
	struct heap_replay replay;

	*seen = (struct seen){0};
	heap_replay_init(&replay, &sink);
	replay.gaps = gaps;
	replay.gap_count = gap_count;
	for (size_t i = 0; i < count; i++)
		assert_null(heap_replay_take(&replay, &events[i], (int64_t)i));
	assert_null(heap_replay_finish(&replay));
	heap_replay_deinit(&replay);
}

#define SEE(gaps, gap_count, ...)                                                                                      \
	struct heap_event events[] = {__VA_ARGS__};                                                                    \
	struct seen seen;                                                                                              \
	see(&seen, events, sizeof(events) / sizeof(events[0]), gaps, gap_count)

/* Two threads free a block at the same time: either may have been first. */
static void frees_at_the_same_time(void **state)
{
	(void)state;
	SEE(NULL, 0, made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 30, FUNCTION_FREE, A, 0, 0),
	    made(2, 40, 40, FUNCTION_FREE, A, 0, 0));
	assert_int_equal(seen.end_count, 2);
	assert_true(seen.ends[0].is_open && seen.ends[1].is_open && seen.lives[0].is_open);
	assert_int_equal(seen.ends[1].end, HEAP_END_AGAIN);
	assert_int_equal(seen.ends[1].earlier, 1);
}

/* Near misses: one after the other in one thread; long after another's; another block's end. */
static void frees_in_order(void **state)
{
	(void)state;
	SEE(NULL, 0, made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 30, FUNCTION_FREE, A, 0, 0),
	    made(1, 31, 31, FUNCTION_FREE, A, 0, 0), made(1, 40, 50, FUNCTION_MALLOC, 0, B, 100),
	    made(1, 60, 60, FUNCTION_FREE, B, 0, 0), made(2, 2000060, 2000060, FUNCTION_FREE, B, 0, 0),
	    made(2, 2000070, 2000075, FUNCTION_MALLOC, 0, B, 100), made(1, 2000076, 2000076, FUNCTION_FREE, B, 0, 0));
	assert_int_equal(seen.end_count, 5);
	for (size_t i = 0; i < seen.end_count; i++)
		assert_false(seen.ends[i].is_open);
	for (size_t i = 0; i < seen.life_count; i++)
		assert_false(seen.lives[i].is_open);
}

/* A realloc under way and a free of the same block. */
static void realloc_and_free(void **state)
{
	(void)state;
	SEE(NULL, 0, made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(2, 40, 40, FUNCTION_FREE, A, 0, 0),
	    made(1, 30, 50, FUNCTION_REALLOC, A, B, 500));
	assert_int_equal(seen.end_count, 2);
	assert_true(seen.ends[0].is_open && seen.ends[1].is_open);
	assert_int_equal(seen.ends[1].end, HEAP_END_AGAIN);
}

static void gaps(void **state)
{
	const struct heap_gap between = {0, 32, 38}, before = {0, 1, 9}, after = {0, 60, 70}, elsewhere = {7, 1, 70};
	const struct heap_event calls[] = {
		made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100),
		made(1, 30, 30, FUNCTION_FREE, A, 0, 0),
		made(1, 40, 40, FUNCTION_FREE, A, 0, 0),
		made(1, 45, 50, FUNCTION_MALLOC, 0, B, 100),
	};
	struct seen seen;

	(void)state;
	see(&seen, calls, 4, &between, 1);
	assert_int_equal(seen.life_count, 2);
	assert_false(seen.ends[0].is_open);
	assert_true(seen.ends[1].is_open); /* it may have been handed out in between */
	assert_false(seen.lives[0].is_open);
	assert_false(seen.lives[1].is_open);
	see(&seen, calls, 4, &before, 1);
	assert_false(seen.ends[0].is_open || seen.ends[1].is_open || seen.lives[0].is_open || seen.lives[1].is_open);
	see(&seen, calls, 4, &after, 1);
	assert_false(seen.ends[0].is_open || seen.ends[1].is_open || seen.lives[0].is_open);
	assert_true(seen.lives[1].is_open); /* is it still alive? */
	see(&seen, calls, 4, &elsewhere, 1);
	assert_false(seen.ends[0].is_open || seen.ends[1].is_open || seen.lives[0].is_open || seen.lives[1].is_open);
	/* What is not known may be so because its birth was lost. */
	see(&seen, &calls[1], 1, &before, 1);
	assert_int_equal(seen.ends[0].end, HEAP_END_UNKNOWN);
	assert_true(seen.ends[0].is_open && seen.lives[0].is_open);
}

/* The end of a block was lost: it cannot be alive in memory that was handed out again, as a whole or in part. */
static void lost_ends(void **state)
{
	(void)state;
	SEE(NULL, 0, made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(1, 30, 35, FUNCTION_MALLOC, 0, A, 50),
	    made(1, 40, 45, FUNCTION_MALLOC, 0, B, 100), made(1, 50, 55, FUNCTION_MALLOC, 0, B + 64, 10));
	assert_int_equal(seen.life_count, 4);
	assert_true(seen.lives[0].gone == HEAP_REPLAY_UNSEEN && seen.lives[0].is_open);
	assert_int_equal(seen.lives[0].next, 1);
	assert_true(seen.lives[1].gone == HEAP_REPLAY_STANDING && !seen.lives[1].is_open);
	assert_true(seen.lives[2].gone == HEAP_REPLAY_STANDING && seen.lives[2].is_open);
	assert_true(seen.lives[3].gone == HEAP_REPLAY_STANDING && !seen.lives[3].is_open);
}

/* ---- rows for SQL ---- */

#define ROWS_MAX 12

/* Without the space's column; ids are those of the events, 1 and up. */
static size_t rows_of(enum replay_want want, struct heap_event *events, size_t count, int64_t ret_rows[ROWS_MAX][4])
{
	struct block_replay replay;
	const int64_t *row;
	size_t row_count = 0;

	block_replay_init(&replay, want);
	for (size_t i = 0; i < count; i++) {
		events[i].id = (int64_t)i + 1;
		events[i].space_id = 5;
		assert_null(block_replay_take(&replay, &events[i]));
	}
	assert_null(block_replay_finish(&replay));
	while ((row = replay_rows_take(&replay.rows))) {
		assert_true(row_count < ROWS_MAX);
		assert_int_equal(row[0], 5);
		for (int i = 0; i < 4; i++)
			ret_rows[row_count][i] = row[i + 1];
		row_count++;
	}
	block_replay_deinit(&replay);
	return row_count;
}

static void rows(void **state)
{
	struct heap_event calls[] = {
		made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100),	   /* 1 */
		made(1, 30, 30, FUNCTION_FREE, A, 0, 0),	   /* 2 */
		made(1, 31, 31, FUNCTION_FREE, A, 0, 0),	   /* 3: again */
		made(1, 32, 33, FUNCTION_REALLOC, A, 0, TOO_MUCH), /* 4: again, but failed */
		made(1, 34, 34, FUNCTION_FREE, A, 0, 0),	   /* 5: again after 3 */
		made(1, 40, 45, FUNCTION_MALLOC, 0, A, 60),	   /* 6: its end is not seen */
		made(1, 50, 55, FUNCTION_MALLOC, 0, A, 70),	   /* 7 */
		made(1, 60, 60, FUNCTION_FREE, A + 8, 0, 0),	   /* 8: inside: no block of its own */
		made(1, 61, 61, FUNCTION_FREE, B, 0, 0),	   /* 9: of a birth not seen */
		made(1, 62, 63, FUNCTION_REALLOC, B + 16, 0,
		     TOO_MUCH), /* 10: of one not seen, kept: nothing is known */
	};
	static const int64_t lives[][4] = {
		{A, 100, 1, 2}, {A, 60, 6, 7}, {A, 70, 7, 0}, {B, 0, 0, 9}, /* made 0: not seen; gone 0: still there */
	};
	static const int64_t again[][4] = {{A, 2, 3, 0}, {A, 3, 5, 0}};
	int64_t found[ROWS_MAX][4];

	(void)state;
	assert_int_equal(rows_of(REPLAY_LIVES, calls, 10, found), 4);
	assert_memory_equal(found, lives, sizeof(lives));
	assert_int_equal(rows_of(REPLAY_AGAIN, calls, 10, found), 2);
	assert_memory_equal(found, again, sizeof(again));
}

/* A fork's blocks are its own: the same address in two spaces. */
static void spaces(void **state)
{
	struct heap_event calls[] = {
		made(1, 10, 20, FUNCTION_MALLOC, 0, A, 100), made(2, 10, 20, FUNCTION_MALLOC, 0, A, 100),
		made(1, 30, 30, FUNCTION_FREE, A, 0, 0),     made(2, 40, 40, FUNCTION_FREE, A, 0, 0),
		made(2, 50, 50, FUNCTION_FREE, A + 8, 0, 0),
	};
	struct seen seen;

	(void)state;
	calls[0].space_id = calls[2].space_id = 1;
	calls[1].space_id = calls[3].space_id = calls[4].space_id = 2;
	see(&seen, calls, 5, NULL, 0);
	assert_int_equal(seen.end_count, 3);
	assert_true(seen.ends[0].end == HEAP_END_LIFE && seen.ends[1].end == HEAP_END_LIFE);
	assert_int_equal(seen.ends[2].end, HEAP_END_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_life),
		cmocka_unit_test(double_free),
		cmocka_unit_test(reuse_is_no_double_free),
		cmocka_unit_test(new_calls_malloc),
		cmocka_unit_test(delete_twice),
		cmocka_unit_test(sized_delete_twice),
		cmocka_unit_test(delete_then_free),
		cmocka_unit_test(realloc_outcomes),
		cmocka_unit_test(realloc_calls_both),
		cmocka_unit_test(realloc_returns_late),
		cmocka_unit_test(unseen),
		cmocka_unit_test(interior_and_neighbours),
		cmocka_unit_test(never_returned),
		cmocka_unit_test(order),
		cmocka_unit_test(new_interrupted),
		cmocka_unit_test(delete_interrupted),
		cmocka_unit_test(reallocarray_to_nothing),
		cmocka_unit_test(realloc_returns_very_late),
		cmocka_unit_test(stale_realloc),
		cmocka_unit_test(fresh_realloc),
		cmocka_unit_test(never_returned_and_reused),
		cmocka_unit_test(delete_then_reuse),
		cmocka_unit_test(interior_near_misses),
		cmocka_unit_test(frees_at_the_same_time),
		cmocka_unit_test(frees_in_order),
		cmocka_unit_test(realloc_and_free),
		cmocka_unit_test(gaps),
		cmocka_unit_test(lost_ends),
		cmocka_unit_test(spaces),
		cmocka_unit_test(rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
