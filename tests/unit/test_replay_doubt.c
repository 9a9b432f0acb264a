/* SPDX-License-Identifier: MIT */
/* What a record does not tell leaves lives open: a move over what nobody saw, a call beside a fork. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>

#include "tests/unit/replay_lives.h"

#define PAGE ((uint64_t)RECORD_PAGE_BYTES)
#define PLACE 0x7f0000000000ULL
#define TARGET (PLACE + 16 * PAGE)

static void replay_among_losses(const struct memory_event *events, size_t count, bool is_lossy, struct lives *lives)
{
	const struct replay_sink sink = {.take_life = keep_life, .context = lives};
	struct replay replay;

	lives->count = 0;
	replay_init(&replay, &sink);
	replay.is_lossy = is_lossy;
	for (size_t i = 0; i < count; i++)
		assert_null(replay_take(&replay, &events[i], (int64_t)i + 1, NULL));
	assert_null(replay_finish(&replay));
	replay_deinit(&replay);
}

static void replay_few(const struct memory_event *events, size_t count, struct lives *lives)
{
	replay_among_losses(events, count, false, lives);
}

static struct memory_event plain(enum memory_kind kind, uint64_t time_ns, uint64_t start, uint64_t pages)
{
	return (struct memory_event){
		.kind = kind,
		.tid = 1,
		.enter_ns = time_ns,
		.exit_ns = time_ns + 10,
		.result = kind == MEMORY_MUNMAP ? 0 : (int64_t)start,
		.args = {start, pages * PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS},
	};
}

static const struct replay_life *life_of(const struct lives *lives, uint64_t address, int64_t made)
{
	for (size_t i = 0; i < lives->count; i++)
		if (address >= lives->lives[i].start && address < lives->lives[i].end && lives->lives[i].made == made)
			return &lives->lives[i];
	fail_msg("no life at 0x%llx by %lld", (unsigned long long)address, (long long)made);
	return NULL;
}

/* Further on than its first page, a move may have met a hole, so that its target is as it was. */
static void unseen_parts_are_open(void **state)
{
	static struct lives lives;
	const struct memory_event events[] = {
		plain(MEMORY_MMAP, 100, TARGET, 3),
		{.kind = MEMORY_MREMAP,
		 .tid = 1,
		 .enter_ns = 200,
		 .exit_ns = 210,
		 .result = (int64_t)TARGET,
		 .args = {PLACE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, TARGET}},
	};

	(void)state;
	replay_few(events, 2, &lives);
	assert_false(life_of(&lives, TARGET, 1)->is_open);
	assert_int_equal(life_of(&lives, TARGET, 1)->gone, 2);
	assert_false(life_of(&lives, TARGET, 2)->is_open);
	assert_true(life_of(&lives, TARGET + PAGE, 1)->is_open);
	assert_true(life_of(&lives, TARGET + 2 * PAGE, 2)->is_open);
}

/* What an ancestor's call would have ended and made, which may have come after the fork, is open. */
static void doubtful_calls_leave_lives_open(void **state)
{
	static struct lives lives;
	struct memory_event events[] = {
		plain(MEMORY_MMAP, 100, PLACE, 4),
		plain(MEMORY_MUNMAP, 200, PLACE, 1),
		plain(MEMORY_MUNMAP, 300, PLACE + PAGE, 1),
		plain(MEMORY_MMAP, 400, PLACE + 2 * PAGE, 1),
	};

	(void)state;
	events[2].is_doubtful = events[3].is_doubtful = true;
	events[2].copied_ns = events[3].copied_ns = 1000;
	replay_few(events, 4, &lives);
	assert_false(life_of(&lives, PLACE, 1)->is_open);
	assert_true(life_of(&lives, PLACE + PAGE, 1)->is_open);
	assert_int_equal(life_of(&lives, PLACE + PAGE, 1)->gone, 3);
	assert_true(life_of(&lives, PLACE + 2 * PAGE, 1)->is_open);
	assert_true(life_of(&lives, PLACE + 2 * PAGE, 4)->is_open);
	assert_false(life_of(&lives, PLACE + 3 * PAGE, 1)->is_open);
}

/* mm/mprotect.c stops at the first hole. Where a record is missing, what was a hole once need not have been one then.
 */
static void how_far_a_call_came_is_open_among_losses(void **state)
{
	static struct lives lives;
	const struct memory_event events[] = {
		plain(MEMORY_MMAP, 100, PLACE, 2),
		plain(MEMORY_MUNMAP, 200, PLACE, 1),
		{.kind = MEMORY_MPROTECT,
		 .tid = 1,
		 .enter_ns = 300,
		 .exit_ns = 310,
		 .result = -ENOMEM,
		 .args = {PLACE, 4 * PAGE, PROT_NONE}},
	};

	(void)state;
	replay_few(events, 3, &lives);
	assert_false(life_of(&lives, PLACE + PAGE, 1)->is_open);
	assert_int_equal(life_of(&lives, PLACE + PAGE, 1)->content.protection, PROT_READ);
	replay_among_losses(events, 3, true, &lives);
	assert_true(life_of(&lives, PLACE + PAGE, 1)->is_open);
	assert_int_equal(life_of(&lives, PLACE + PAGE, 1)->other_protector, 3);
	/* What a call that did not fail has done is known. */
	replay_among_losses(events, 2, true, &lives);
	assert_false(life_of(&lives, PLACE + PAGE, 1)->is_open);
}

/* What a child moves that may have been unmapped before it got its copy came along, perhaps. */
static void what_may_have_been_unmapped_may_be_moved(void **state)
{
	static struct lives lives;
	struct memory_event events[] = {
		plain(MEMORY_MMAP, 100, PLACE, 3),
		plain(MEMORY_MUNMAP, 200, PLACE + PAGE, 1),
		{.kind = MEMORY_MREMAP,
		 .tid = 2,
		 .enter_ns = 400,
		 .exit_ns = 410,
		 .result = (int64_t)TARGET,
		 .args = {PLACE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, TARGET}},
	};

	(void)state;
	replay_few(events, 3, &lives);
	for (size_t i = 0; i < lives.count; i++)
		assert_false(lives.lives[i].made == 3 && lives.lives[i].start == TARGET + PAGE);
	/* What is missing may have mapped something there. */
	replay_among_losses(events, 3, true, &lives);
	assert_true(life_of(&lives, TARGET + PAGE, 3)->is_open);
	assert_false(life_of(&lives, TARGET + 2 * PAGE, 3)->is_open);
	events[1].is_doubtful = true;
	events[1].copied_ns = 205;
	replay_few(events, 3, &lives);
	assert_false(life_of(&lives, TARGET, 3)->is_open);
	assert_true(life_of(&lives, TARGET + PAGE, 3)->is_open);
	assert_false(life_of(&lives, TARGET + 2 * PAGE, 3)->is_open);
}

/* It came before whatever the child did, although it returned later. */
static void a_doubtful_call_is_older_than_the_child(void **state)
{
	static struct lives lives;
	struct memory_event events[] = {
		plain(MEMORY_MMAP, 300, PLACE, 1),
		plain(MEMORY_MUNMAP, 200, PLACE, 1),
	};

	(void)state;
	events[1].tid = 2;
	events[1].exit_ns = 900;
	replay_few(events, 2, &lives);
	assert_int_equal(life_of(&lives, PLACE, 1)->gone, 2);
	events[1].is_doubtful = true;
	events[1].copied_ns = 250;
	replay_few(events, 2, &lives);
	assert_int_equal(life_of(&lives, PLACE, 1)->gone, REPLAY_STANDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_have_been_unmapped_may_be_moved),
		cmocka_unit_test(a_doubtful_call_is_older_than_the_child),
		cmocka_unit_test(how_far_a_call_came_is_open_among_losses),
		cmocka_unit_test(unseen_parts_are_open),
		cmocka_unit_test(doubtful_calls_leave_lives_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
