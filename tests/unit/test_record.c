/* SPDX-License-Identifier: MIT */
/* Effects of memory events: by table, and the view v_effect against the function on the table and on random numbers. */
#include "test_store_support.h"

#define BASE 0x7f0000000000ULL
#define TOP (1ULL << 62)

struct effect_case {
	const char *name;
	enum memory_kind kind;
	int64_t result;
	uint64_t args[6];
	struct memory_effect expected;
};

#define REMOVED(start, end) .removed_start = (start), .removed_end = (end)
#define REMOVED2(start, end) .removed2_start = (start), .removed2_end = (end)
#define ADDED(start, end) .added_start = (start), .added_end = (end)
#define TOUCHED(start, end) .touched_start = (start), .touched_end = (end)

static const struct effect_case cases[] = {
	{"seen", MEMORY_SEEN, 0, {BASE, 0x3000, 5, 2}, {ADDED(BASE, BASE + 0x3000)}},
	{"seen ignores its result", MEMORY_SEEN, -1, {BASE, 0x1000}, {ADDED(BASE, BASE + 0x1000)}},
	{"mmap rounds up", MEMORY_MMAP, BASE, {0, 578560, 3, 0x22}, {ADDED(BASE, BASE + 0x8e000)}},
	{"mmap of whole pages", MEMORY_MMAP, BASE, {0, 262144, 3, 0x22}, {ADDED(BASE, BASE + 262144)}},
	{"mmap failed", MEMORY_MMAP, -12, {0, 4096, 3, 0x22}, {0}},
	{"mmap fixed",
	 MEMORY_MMAP,
	 BASE,
	 {BASE, 1, 3, 0x32},
	 {REMOVED(BASE, BASE + 0x1000), ADDED(BASE, BASE + 0x1000)}},
	{"mmap fixed without replacing", MEMORY_MMAP, BASE, {BASE, 1, 3, 0x100032}, {ADDED(BASE, BASE + 0x1000)}},
	{"mmap of huge pages", MEMORY_MMAP, BASE, {0, 1, 3, 0x40022}, {ADDED(BASE, BASE + 0x200000)}},
	{"mmap of named huge pages",
	 MEMORY_MMAP,
	 BASE,
	 {0, 1, 3, 0x40022 | 30ULL << 26},
	 {ADDED(BASE, BASE + 0x40000000)}},
	{"mmap to nowhere", MEMORY_MMAP, -8192, {0, 4096, 3, 0x22}, {0}},
	{"munmap rounds up", MEMORY_MUNMAP, 0, {BASE, 578560}, {REMOVED(BASE, BASE + 0x8e000)}},
	{"munmap failed", MEMORY_MUNMAP, -22, {BASE, 4096}, {0}},
	{"munmap of nothing", MEMORY_MUNMAP, 0, {BASE, 0}, {0}},
	{"munmap unaligned", MEMORY_MUNMAP, 0, {BASE + 1, 4096}, {0}},
	{"munmap of everything", MEMORY_MUNMAP, 0, {0, UINT64_MAX}, {0}},
	{"munmap that wraps", MEMORY_MUNMAP, 0, {UINT64_MAX - 4095, 8192}, {0}},
	{"munmap up to the bound", MEMORY_MUNMAP, 0, {TOP - 4096, TOP}, {REMOVED(TOP - 4096, 2 * TOP - 4096)}},
	{"munmap over the bound", MEMORY_MUNMAP, 0, {BASE, TOP + 1}, {0}},
	{"munmap at the bound", MEMORY_MUNMAP, 0, {TOP, 4096}, {0}},
	{"munmap of INT64_MAX", MEMORY_MUNMAP, 0, {BASE, INT64_MAX}, {0}},
	{"mremap in place, same size", MEMORY_MREMAP, BASE, {BASE, 0x2000, 0x1001, 1}, {0}},
	{"mremap shrinks", MEMORY_MREMAP, BASE, {BASE, 0x3000, 0x1000, 0}, {REMOVED(BASE + 0x1000, BASE + 0x3000)}},
	{"mremap grows", MEMORY_MREMAP, BASE, {BASE, 0xfff, 0x2001, 1}, {ADDED(BASE + 0x1000, BASE + 0x3000)}},
	{"mremap moves",
	 MEMORY_MREMAP,
	 BASE + 0x100000,
	 {BASE, 0x1000, 0x2000, 1},
	 {REMOVED(BASE, BASE + 0x1000), ADDED(BASE + 0x100000, BASE + 0x102000)}},
	{"mremap fixed",
	 MEMORY_MREMAP,
	 BASE + 0x100000,
	 {BASE, 0x3000, 0x2000, 3, BASE + 0x100000},
	 {REMOVED(BASE, BASE + 0x3000), REMOVED2(BASE + 0x100000, BASE + 0x102000),
	  ADDED(BASE + 0x100000, BASE + 0x102000)}},
	{"mremap duplicates",
	 MEMORY_MREMAP,
	 BASE + 0x100000,
	 {BASE, 0, 0x2000, 1},
	 {ADDED(BASE + 0x100000, BASE + 0x102000)}},
	{"mremap keeps the old place",
	 MEMORY_MREMAP,
	 BASE + 0x100000,
	 {BASE, 0x2000, 0x2000, 5},
	 {ADDED(BASE + 0x100000, BASE + 0x102000), TOUCHED(BASE, BASE + 0x2000)}},
	{"mremap keeps the old place and covers the new one",
	 MEMORY_MREMAP,
	 BASE + 0x100000,
	 {BASE, 0x2000, 0x2000, 7, BASE + 0x100000},
	 {REMOVED2(BASE + 0x100000, BASE + 0x102000), ADDED(BASE + 0x100000, BASE + 0x102000),
	  TOUCHED(BASE, BASE + 0x2000)}},
	{"mremap failed", MEMORY_MREMAP, -14, {BASE, 0x1000, 0x2000, 1}, {0}},
	{"mremap lies", MEMORY_MREMAP, BASE, {BASE, UINT64_MAX, 0x2000, 1}, {0}},
	{"mremap lies about the new size", MEMORY_MREMAP, BASE, {BASE, 0x1000, INT64_MAX, 1}, {0}},
	{"mremap in place of the upper half", MEMORY_MREMAP, -8192, {(uint64_t)-8192, 0x4000, 0x3000, 1}, {0}},
	{"mprotect", MEMORY_MPROTECT, 0, {BASE, 1, 1}, {TOUCHED(BASE, BASE + 0x1000)}},
	{"mprotect failed", MEMORY_MPROTECT, -22, {BASE + 1, 4096, 1}, {0}},
	{"pkey_mprotect", MEMORY_PKEY_MPROTECT, 0, {BASE, 4097, 1, 2}, {TOUCHED(BASE, BASE + 0x2000)}},
	{"madvise dontneed", MEMORY_MADVISE, 0, {BASE, 4097, 4}, {TOUCHED(BASE, BASE + 0x2000)}},
	{"madvise free", MEMORY_MADVISE, 0, {BASE, 4096, 8}, {TOUCHED(BASE, BASE + 0x1000)}},
	{"madvise remove", MEMORY_MADVISE, 0, {BASE, 4096, 9}, {TOUCHED(BASE, BASE + 0x1000)}},
	{"madvise dontneed locked", MEMORY_MADVISE, 0, {BASE, 4096, 24}, {TOUCHED(BASE, BASE + 0x1000)}},
	{"madvise guard", MEMORY_MADVISE, 0, {BASE, 4096, 102}, {TOUCHED(BASE, BASE + 0x1000)}},
	{"madvise no guard", MEMORY_MADVISE, 0, {BASE, 4096, 103}, {TOUCHED(BASE, BASE + 0x1000)}},
	{"madvise passes over a hole", MEMORY_MADVISE, -12, {BASE, 8192, 4}, {TOUCHED(BASE, BASE + 0x2000)}},
	{"madvise remove has no room", MEMORY_MADVISE, -12, {BASE, 8192, 9}, {0}},
	{"madvise refused", MEMORY_MADVISE, -22, {BASE, 8192, 4}, {0}},
	{"mprotect over a hole", MEMORY_MPROTECT, -12, {BASE, 8192, 1}, {0}},
	{"madvise willneed", MEMORY_MADVISE, 0, {BASE, 4096, 3}, {0}},
	{"brk grows",
	 MEMORY_BRK,
	 0x555000021001,
	 {0x555000021001, 0x555000000010},
	 {ADDED(0x555000001000, 0x555000022000)}},
	{"brk shrinks",
	 MEMORY_BRK,
	 0x555000001000,
	 {0x555000001000, 0x555000021000},
	 {REMOVED(0x555000001000, 0x555000021000)}},
	{"brk in its page", MEMORY_BRK, 0x555000000020, {0x555000000020, 0x555000000010}, {0}},
	{"brk asks", MEMORY_BRK, 0x555000021000, {0, 0x555000021000}, {0}},
	{"brk lies", MEMORY_BRK, -4096, {0, 0x555000021000}, {0}},
	{"shmat", MEMORY_SHMAT, BASE, {7, 0, 0, 5000}, {ADDED(BASE, BASE + 0x2000)}},
	{"shmat replaces",
	 MEMORY_SHMAT,
	 BASE,
	 {7, BASE, 040000, 5000},
	 {REMOVED(BASE, BASE + 0x2000), ADDED(BASE, BASE + 0x2000)}},
	{"shmat failed", MEMORY_SHMAT, -22, {7, BASE, 0, 5000}, {0}},
	{"shmdt", MEMORY_SHMDT, 0, {BASE, 5000}, {REMOVED(BASE, BASE + 0x2000)}},
	{"shmdt failed", MEMORY_SHMDT, -22, {BASE, 5000}, {0}},
	{"unknown kind", (enum memory_kind)99, 0, {BASE, 4096, 4, 0x10}, {0}},
};

/* What a call that failed may have done all the same. */
static const struct effect_case reaches[] = {
	{"mprotect over a hole", MEMORY_MPROTECT, -12, {BASE, 8192, 1}, {TOUCHED(BASE, BASE + 0x2000)}},
	{"mprotect refused on its way", MEMORY_MPROTECT, -13, {BASE, 8192, 1}, {TOUCHED(BASE, BASE + 0x2000)}},
	{"mprotect of wrong numbers", MEMORY_MPROTECT, -22, {BASE, 8192, 1}, {0}},
	{"madvise refused on its way", MEMORY_MADVISE, -22, {BASE, 8192, 4}, {TOUCHED(BASE, BASE + 0x2000)}},
	{"mmap fixed of a file that refuses",
	 MEMORY_MMAP,
	 -19,
	 {BASE, 8192, 1, 0x11, 5},
	 {REMOVED(BASE, BASE + 0x2000)}},
	{"mmap fixed of no file", MEMORY_MMAP, -9, {BASE, 8192, 1, 0x11, 5}, {0}},
	{"mmap fixed without memory", MEMORY_MMAP, -12, {BASE, 8192, 1, 0x32}, {REMOVED(BASE, BASE + 0x2000)}},
	{"mmap fixed of anonymous memory, refused", MEMORY_MMAP, -22, {BASE, 8192, 1, 0x32}, {0}},
	{"mmap fixed without replacing", MEMORY_MMAP, -17, {BASE, 8192, 1, 0x100032}, {0}},
	{"mmap anywhere", MEMORY_MMAP, -19, {BASE, 8192, 1, 0x1, 5}, {0}},
	{"munmap", MEMORY_MUNMAP, -12, {BASE, 8192}, {0}},
	{"mremap fixed",
	 MEMORY_MREMAP,
	 -14,
	 {BASE, 0x3000, 0x2000, 3, BASE + 0x100000},
	 {REMOVED(BASE, BASE + 0x3000), REMOVED2(BASE + 0x100000, BASE + 0x102000)}},
	{"mremap that may move", MEMORY_MREMAP, -14, {BASE, 0x3000, 0x2000, 1, BASE + 0x100000}, {0}},
	{"one that succeeded", MEMORY_MUNMAP, 0, {BASE, 8192}, {REMOVED(BASE, BASE + 0x2000)}},
};

#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

static struct memory_event case_event(const struct effect_case *effect_case)
{
	struct memory_event event = {.space_id = 1, .tid = 1, .kind = effect_case->kind, .result = effect_case->result};

	memcpy(event.args, effect_case->args, sizeof(event.args));
	return event;
}

static void effects_are_those_of_the_kernel(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASE_COUNT; i++) {
		struct memory_event event = case_event(&cases[i]);
		struct memory_effect effect = memory_event_effect(&event);

		if (memcmp(&effect, &cases[i].expected, sizeof(effect)) != 0)
			fail_msg("%s", cases[i].name);
	}
}

static void overlaps_are_half_open(void **state)
{
	const struct memory_effect effect = {REMOVED(0x2000, 0x4000), REMOVED2(0x8000, 0x9000), ADDED(0xa000, 0xb000),
					     TOUCHED(0xc000, 0xd000)};
	const struct memory_effect empty = {0};

	(void)state;
	assert_false(memory_effect_overlaps(&effect, 0x1000, 0x2000));
	assert_true(memory_effect_overlaps(&effect, 0x1000, 0x2001));
	assert_true(memory_effect_overlaps(&effect, 0x3fff, 0x4000));
	assert_false(memory_effect_overlaps(&effect, 0x4000, 0x8000));
	assert_true(memory_effect_overlaps(&effect, 0x8fff, 0x9001));
	assert_true(memory_effect_overlaps(&effect, 0xa000, 0xa001));
	assert_true(memory_effect_overlaps(&effect, 0xc800, UINT64_MAX));
	assert_false(memory_effect_overlaps(&effect, 0x3000, 0x3000));
	assert_false(memory_effect_overlaps(&empty, 0, UINT64_MAX));
}

static uint64_t random_word(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Mostly plausible, sometimes at the edges where sums overflow. */
static uint64_t random_number(uint64_t *seed)
{
	static const uint64_t edges[] = {
		0,	 1,	  4095,	       4096,	       4097,	   TOP - 4096,	      TOP - 1,		TOP,
		TOP + 1, TOP * 2, TOP * 2 - 1, TOP * 2 - 4096, UINT64_MAX, UINT64_MAX - 4095, UINT64_MAX - 4096};
	uint64_t choice = random_word(seed);

	if (choice % 4 == 0)
		return edges[choice / 4 % (sizeof(edges) / sizeof(edges[0]))];
	if (choice % 4 == 1)
		return random_word(seed) % 0x80000;
	return BASE + random_word(seed) % 16 * 4096;
}

struct expectation {
	const struct memory_event *events;
	size_t count;
	size_t next;
};

static uint64_t parse(const char *text)
{
	return text ? (uint64_t)strtoll(text, NULL, 10) : 0;
}

static bool compare_row(void *context, int columns, const char *const *names, const char *const *values)
{
	struct expectation *expectation = context;
	struct memory_effect effect = memory_event_effect(&expectation->events[expectation->next]);
	const uint64_t expected[] = {effect.removed_start, effect.removed_end, effect.removed2_start,
				     effect.removed2_end,  effect.added_start, effect.added_end,
				     effect.touched_start, effect.touched_end};

	assert_int_equal(columns, 8);
	for (int i = 0; i < columns; i++)
		if (parse(values[i]) != expected[i])
			fail_msg("event %zu: %s is %s, not %llu", expectation->next, names[i], values[i],
				 (unsigned long long)expected[i]);
	expectation->next++;
	return true;
}

static void view_agrees_with_function(void **state)
{
	static const int kinds = MEMORY_SHMDT + 2;
	const struct place *place = *state;
	size_t count = CASE_COUNT + 50000;
	cleanup_free struct memory_event *events = calloc(count, sizeof(*events));
	struct expectation expectation = {.events = events, .count = count};
	uint64_t seed = 88172645463325252ULL;
	struct store_writer *writer = open_writer(place->path);
	struct store_reader *reader;

	assert_non_null(events);
	for (size_t i = 0; i < count; i++) {
		struct memory_event *event = &events[i];

		if (i < CASE_COUNT) {
			*event = case_event(&cases[i]);
		} else {
			event->kind = (enum memory_kind)(random_word(&seed) % (uint64_t)kinds);
			for (int n = 0; n < 6; n++)
				event->args[n] = random_number(&seed);
			if (random_word(&seed) % 2)
				event->args[3] = random_word(&seed) & (0x7fULL << 26 | 0x144037);
			event->result = random_word(&seed) % 4 ? (int64_t)random_number(&seed) : 0;
			if (random_word(&seed) % 4 == 0)
				event->result = (int64_t)event->args[0];
		}
		add_event(writer, event);
	}
	store_writer_destroy(writer);

	reader = open_reader(place->path);
	assert_no_error(
		store_reader_query(reader,
				   "SELECT removed_start, removed_end, removed2_start, removed2_end, "
				   "added_start, added_end, touched_start, touched_end FROM v_effect ORDER BY id",
				   compare_row, &expectation));
	assert_int_equal(expectation.next, count);
	store_reader_destroy(reader);
}

static bool compare_kind(void *context, int columns, const char *const *names, const char *const *values)
{
	(void)names;
	assert_int_equal(columns, 2);
	assert_string_equal(values[1], memory_kind_name((enum memory_kind)atoi(values[0])));
	++*(int *)context;
	return true;
}

static bool compare_cause(void *context, int columns, const char *const *names, const char *const *values)
{
	(void)names;
	assert_int_equal(columns, 2);
	assert_string_equal(values[1], gap_cause_name((enum gap_cause)atoi(values[0])));
	++*(int *)context;
	return true;
}

static void names_agree_with_tables(void **state)
{
	const struct place *place = *state;
	struct store_reader *reader;
	int count = 0;

	store_writer_destroy(open_writer(place->path));
	reader = open_reader(place->path);
	assert_no_error(store_reader_query(reader, "SELECT kind, name FROM memory_kind", compare_kind, &count));
	assert_int_equal(count, MEMORY_SHMDT);
	count = 0;
	assert_no_error(store_reader_query(reader, "SELECT cause, name FROM gap_cause", compare_cause, &count));
	assert_int_equal(count, GAP_FILTER);
	assert_string_equal(memory_kind_name((enum memory_kind)0), "unknown");
	assert_string_equal(gap_cause_name((enum gap_cause)99), "unknown");
	store_reader_destroy(reader);
}

static void reaches_by_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reaches) / sizeof(reaches[0]); i++) {
		struct memory_event event = {.kind = reaches[i].kind, .result = reaches[i].result};
		struct memory_effect reach;

		memcpy(event.args, reaches[i].args, sizeof(event.args));
		reach = memory_event_reach(&event);
		if (memcmp(&reach, &reaches[i].expected, sizeof(reach)) != 0)
			fail_msg("%s", reaches[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reaches_by_table),
		cmocka_unit_test(effects_are_those_of_the_kernel),
		cmocka_unit_test(overlaps_are_half_open),
		cmocka_unit_test_setup_teardown(view_agrees_with_function, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(names_agree_with_tables, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
