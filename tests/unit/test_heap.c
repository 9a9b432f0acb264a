/* SPDX-License-Identifier: MIT */
/* Lives of heap blocks: nesting, realloc in its four outcomes, reuse, wrong frees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replay/heap_lives.h"

#define A 0x5000ULL
#define B 0x6000ULL

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
