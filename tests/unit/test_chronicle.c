/* SPDX-License-Identifier: MIT */
/* Which of the allocator's calls belong to the life of an address. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "analyzer/chronicle.h"

#define BLOCK 0x1000
#define NEIGHBOUR 0x2000

static struct heap_event take(int64_t id, uint64_t block, uint64_t size)
{
	return (struct heap_event){.id = id,
				   .role = FUNCTION_MALLOC,
				   .tid = 1,
				   .enter_ns = (uint64_t)id * 1000,
				   .exit_ns = (uint64_t)id * 1000 + 100,
				   .block = block,
				   .size = size};
}

static struct heap_event give(int64_t id, uint64_t block)
{
	return (struct heap_event){.id = id,
				   .role = FUNCTION_FREE,
				   .tid = 1,
				   .enter_ns = (uint64_t)id * 1000,
				   .exit_ns = (uint64_t)id * 1000,
				   .old_block = block};
}

static void expect_chosen(const struct heap_event *events, size_t count, uint64_t address, const char *wanted)
{
	struct error *err;
	bool *chosen;

	err = chronicle_choose_heap(events, count, address, &chosen);
	assert_null(err);
	for (size_t i = 0; i < count; i++) {
		if (chosen[i] != (wanted[i] == 'x'))
			fail_msg("event %zu of 0x%llx is %schosen", i, (unsigned long long)address,
				 chosen[i] ? "" : "not ");
	}
	free(chosen);
}

static void lives_that_held_it(void **state)
{
	const struct heap_event events[] = {
		take(1, BLOCK, 100), take(2, NEIGHBOUR, 100), give(3, BLOCK),	  take(4, BLOCK, 8),
		give(5, BLOCK),	     give(6, NEIGHBOUR),      take(7, BLOCK, 100),
	};

	(void)state;
	expect_chosen(events, 7, BLOCK, "x.xxx.x");
	/* The second life was shorter. */
	expect_chosen(events, 7, BLOCK + 50, "x.x...x");
	expect_chosen(events, 7, BLOCK + 100, ".......");
	expect_chosen(events, 7, NEIGHBOUR + 99, ".x...x.");
	expect_chosen(events, 0, BLOCK, "");
}

static void frees_in_the_wrong(void **state)
{
	const struct heap_event again[] = {take(1, BLOCK, 100), give(2, BLOCK), give(3, BLOCK)};
	const struct heap_event inside[] = {take(1, BLOCK, 100), give(2, BLOCK + 16), give(3, BLOCK)};
	const struct heap_event never[] = {take(1, NEIGHBOUR, 100), give(2, BLOCK)};

	(void)state;
	expect_chosen(again, 3, BLOCK + 50, "xxx");
	expect_chosen(inside, 3, BLOCK + 50, "xxx");
	expect_chosen(never, 2, BLOCK, ".x");
	expect_chosen(never, 2, BLOCK + 8, "..");
}

static void starts_of_blocks(void **state)
{
	const struct heap_event events[] = {
		take(1, BLOCK, 100), take(2, BLOCK + 32, 100), give(3, BLOCK), take(4, BLOCK, 64), take(5, 0, 64),
	};
	uint64_t starts[4];

	(void)state;
	assert_int_equal(chronicle_block_starts(events, 5, BLOCK + 40, starts, 4), 2);
	assert_int_equal(starts[0], BLOCK);
	assert_int_equal(starts[1], BLOCK + 32);
	assert_int_equal(chronicle_block_starts(events, 5, BLOCK + 40, starts, 1), 1);
	assert_int_equal(chronicle_block_starts(events, 5, BLOCK + 99, starts, 4), 2);
	assert_int_equal(chronicle_block_starts(events, 5, UINT64_MAX, starts, 4), 0);
}

/* A block counts from the return of its call, a free at its entry. */
static void times_and_callers(void **state)
{
	struct frame frames[3] = {{.trust = FRAME_REGISTERS}, {.trust = FRAME_TAIL_CALL}, {.trust = FRAME_CFI}};
	struct told_call call = {.is_heap = true, .heap = take(7, BLOCK, 1)};

	(void)state;
	assert_int_equal(told_call_time(&call), 7100);
	call.heap = give(7, BLOCK);
	assert_int_equal(told_call_time(&call), 7000);
	assert_int_equal(told_call_caller(&call), SIZE_MAX);
	call.stack.frames = frames;
	call.stack.frame_count = 3;
	call.stack.caller = 1;
	assert_int_equal(told_call_caller(&call), 1);
	call.is_heap = false;
	assert_int_equal(told_call_caller(&call), 2);
	frames[2].trust = FRAME_LOST;
	assert_int_equal(told_call_caller(&call), SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_that_held_it),
		cmocka_unit_test(frees_in_the_wrong),
		cmocka_unit_test(starts_of_blocks),
		cmocka_unit_test(times_and_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
