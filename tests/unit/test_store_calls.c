/* SPDX-License-Identifier: MIT */
/* Heap histories against a reference that reads every call; functions, calls, coverage; what was mapped when. */
#include "schema/reader_calls.h"
#include "schema/reader_history.h"
#include "schema/reader_maps.h"
#include "schema/record_call.h"
#include "test_store_support.h"

#define CALLS 20000
#define SPACES 3

struct heap_life {
	struct heap_event events[CALLS];
	int64_t spaces[SPACES];
};

static uint64_t random_below(uint64_t *seed, uint64_t bound)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed >> 11) % bound;
}

static void commit(struct store_writer *writer)
{
	uint64_t discarded = 1;

	assert_no_error(store_writer_commit(writer, 1, 1, &discarded));
	assert_int_equal(discarded, 0);
}

static struct heap_event random_call(uint64_t *seed, int64_t space_id, uint64_t now)
{
	struct heap_event event = {
		.space_id = space_id,
		.function_id = 3,
		.role = (enum function_role)random_below(seed, 10),
		.tid = 7,
		.enter_ns = now,
		.exit_ns = random_below(seed, 20) ? now + 5 : 0,
		.ip = 1,
		.sp = 2,
		.top_word = UINT64_MAX,
		.block = 0x7f0000000000 + random_below(seed, 1 << 20) * 16,
		.size = random_below(seed, 8) ? random_below(seed, 300) : 1ULL << random_below(seed, 40),
		.alignment = random_below(seed, 2) * 64,
		.stack_id = (int64_t)now,
	};

	if (event.role == FUNCTION_FREE || event.role == FUNCTION_REALLOC)
		event.old_block = 0x7f0000000000 + random_below(seed, 1 << 20) * 16;
	if (event.role == FUNCTION_FREE)
		event.block = event.size = 0;
	if (!random_below(seed, 50))
		event.size = UINT64_MAX; /* calloc's product, saturated */
	return event;
}

static void write_heap(struct heap_life *life, const char *path, uint64_t seed)
{
	struct store_writer *writer = open_writer(path);

	life->spaces[0] = add_space(writer, 1, 0, 1);
	life->spaces[1] = add_space(writer, 2, life->spaces[0], CALLS * 5);
	life->spaces[2] = add_space(writer, 3, 0, 1);
	for (size_t i = 0; i < CALLS; i++) {
		life->events[i] = random_call(&seed, life->spaces[random_below(&seed, SPACES)], i * 10);
		assert_no_error(store_writer_add_heap_event(writer, &life->events[i], &life->events[i].id));
		if (i % 7001 == 7000) {
			commit(writer);
			store_writer_destroy(writer);
			writer = open_writer(path);
		}
	}
	commit(writer);
	store_writer_destroy(writer);
}

static bool meets(uint64_t start, uint64_t size, const struct history_query *query)
{
	uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + (size ? size : 1);

	return start && start < query->end && query->start < end;
}

static bool expected(const struct heap_life *life, const struct heap_event *event, const struct history_query *query)
{
	bool own = event->space_id == query->space_id && event->enter_ns < query->until_ns;
	bool inherited = query->space_id == life->spaces[1] && event->space_id == life->spaces[0] &&
			 event->enter_ns < CALLS * 5 && event->enter_ns < query->until_ns;

	return (own || inherited) && (meets(event->old_block, 1, query) || meets(event->block, event->size, query));
}

static void ask(struct store_reader *reader, const struct heap_life *life, const struct history_query *query)
{
	struct heap_event *events;
	size_t count, wanted = 0, total = 0;
	bool truncated;

	assert_no_error(store_reader_heap_history(reader, query, &events, &count, &truncated));
	for (size_t i = 0; i < CALLS; i++)
		total += expected(life, &life->events[i], query);
	wanted = total > query->limit ? query->limit : total;
	assert_int_equal(count, wanted);
	assert_int_equal(truncated, total > query->limit);
	for (size_t i = 0, n = 0; i < CALLS; i++) {
		if (!expected(life, &life->events[i], query) || n++ < total - wanted)
			continue;
		assert_memory_equal(&events[n - 1 - (total - wanted)], &life->events[i], sizeof(*events));
	}
	free(events);
}

static void test_heap_history(void **state)
{
	struct place *place = *state;
	struct heap_life *life = calloc(1, sizeof(*life));
	struct store_reader *reader;
	uint64_t seed = 12345;

	assert_non_null(life);
	write_heap(life, place->path, 99);
	reader = open_reader(place->path);
	for (int i = 0; i < 300; i++) {
		struct history_query query = {
			.space_id = life->spaces[random_below(&seed, SPACES)],
			.start = 0x7f0000000000 + random_below(&seed, 1 << 24),
			.until_ns = random_below(&seed, 2) ? UINT64_MAX : random_below(&seed, CALLS * 10),
			.limit = random_below(&seed, 2) ? SIZE_MAX : random_below(&seed, 40),
		};

		query.end = query.start + 1 + random_below(&seed, random_below(&seed, 2) ? 64 : 1 << 20);
		ask(reader, life, &query);
	}
	assert_query(reader, "SELECT count(*), count(DISTINCT length(filter)) FROM heap_block", "19|1\n");
	store_reader_destroy(reader);
	free(life);
}

static void test_heap_view(void **state)
{
	struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct probed_function function = {
		.recording_id = 1, .offset = 0x99, .role = FUNCTION_REALLOC, .name = "realloc", .hole = "a hole"};
	struct heap_event event = {.role = FUNCTION_REALLOC,
				   .tid = 9,
				   .enter_ns = 2000000000,
				   .old_block = 0x1000,
				   .size = UINT64_MAX,
				   .top_word = 0xffffffffff600000};
	struct store_reader *reader;
	int64_t id;

	assert_no_error(store_writer_add_function(writer, &function, &event.function_id));
	assert_no_error(store_writer_add_heap_event(writer, &event, &id));
	event.exit_ns = 2000001500;
	event.block = 0xffff800000001000;
	assert_no_error(store_writer_add_heap_event(writer, &event, &id));
	commit(writer);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_query(reader, "SELECT microseconds, role, function, old_block, block, top_word FROM v_heap",
		     "-|realloc|realloc|0x1000|-|0xffffffffff600000\n"
		     "1.5|realloc|realloc|0x1000|0xffff800000001000|0xffffffffff600000\n");
	assert_query(reader, "SELECT name, role, signature, offset, hole FROM v_function",
		     "realloc|realloc|-|0x99|a hole\n");
	store_reader_destroy(reader);
}

static void test_functions_and_coverage(void **state)
{
	struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct probed_function one = {
		.recording_id = 1, .file_id = 4, .offset = UINT64_MAX, .name = "f", .signature = "()"};
	struct probed_function two = {.recording_id = 2, .name = "g", .role = FUNCTION_DELETE}, read, *all;
	struct probe_coverage coverage = {.recording_id = 1, .process_id = 5, .from_ns = 50, .heap = true};
	struct store_reader *reader;
	int64_t first, second, id;
	size_t count;

	assert_no_error(store_writer_add_function(writer, &one, &first));
	assert_no_error(store_writer_add_function(writer, &two, &second));
	assert_no_error(store_writer_add_probe_coverage(writer, &coverage, &id));
	coverage.from_ns = 40;
	assert_no_error(store_writer_add_probe_coverage(writer, &coverage, &id));
	coverage = (struct probe_coverage){.recording_id = 2, .from_ns = 7};
	assert_no_error(store_writer_add_probe_coverage(writer, &coverage, &id));
	commit(writer);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_no_error(store_reader_function(reader, first, &read));
	assert_string_equal(read.name, "f");
	assert_string_equal(read.signature, "()");
	assert_string_equal(read.hole, "");
	assert_true(read.offset == UINT64_MAX && read.file_id == 4 && read.role == FUNCTION_PLAIN);
	probed_function_deinit(&read);
	assert_no_error(store_reader_functions(reader, 2, &all, &count));
	assert_int_equal(count, 1);
	assert_int_equal(all[0].id, second);
	probed_function_deinit(&all[0]);
	free(all);
	assert_no_error(store_reader_probe_coverage(reader, 1, 5, &coverage));
	assert_true(coverage.from_ns == 40 && coverage.heap);
	assert_ptr_equal(store_reader_probe_coverage(reader, 1, 6, &coverage), &error_not_found);
	assert_no_error(store_reader_probe_coverage(reader, 2, 6, &coverage));
	assert_true(coverage.from_ns == 7 && !coverage.heap);
	store_reader_destroy(reader);
}

static void test_calls(void **state)
{
	struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct call_event event = {.function_id = 2, .enter_ns = 10, .exit_ns = 20, .ip = 1, .sp = 2}, *events;
	struct history_query query = {.start = 0x1000, .end = 0x2000, .until_ns = UINT64_MAX, .limit = 10};
	struct store_reader *reader;
	bool truncated;
	size_t count;
	int64_t id;

	event.space_id = query.space_id = add_space(writer, 1, 0, 1);
	event.args[5] = 0x1fff;
	event.texts[1] = (char *)"a\0b";
	event.text_bytes[1] = 3;
	event.texts[2] = (char *)"";
	assert_no_error(store_writer_add_call_event(writer, &event, &id));
	event.args[5] = 0x2000;
	event.result = 0x1000;
	assert_no_error(store_writer_add_call_event(writer, &event, &id));
	event.exit_ns = 0; /* the result means nothing */
	assert_no_error(store_writer_add_call_event(writer, &event, &id));
	event.args[0] = UINT64_MAX;
	assert_no_error(store_writer_add_call_event(writer, &event, &id));
	commit(writer);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_no_error(store_reader_calls(reader, &query, &events, &count, &truncated));
	assert_int_equal(count, 2);
	assert_false(truncated);
	assert_int_equal(events[0].id, 1);
	assert_int_equal(events[0].text_bytes[1], 3);
	assert_memory_equal(events[0].texts[1], "a\0b", 3);
	assert_non_null(events[0].texts[2]);
	assert_int_equal(events[0].text_bytes[2], 0);
	assert_null(events[0].texts[0]);
	assert_true(events[1].result == 0x1000 && events[1].exit_ns == 20);
	for (size_t i = 0; i < count; i++)
		call_event_deinit(&events[i]);
	free(events);
	query.limit = 1;
	assert_no_error(store_reader_calls(reader, &query, &events, &count, &truncated));
	assert_true(count == 1 && truncated && events[0].id == 2);
	call_event_deinit(&events[0]);
	free(events);
	query.end = UINT64_MAX;
	query.start = UINT64_MAX - 1;
	assert_no_error(store_reader_calls(reader, &query, &events, &count, &truncated));
	assert_int_equal(count, 0);
	store_reader_destroy(reader);
}

static void map(struct store_writer *writer, int64_t space, enum memory_kind kind, uint64_t time, int64_t file,
		const uint64_t args[6], int64_t result)
{
	struct memory_event event = {.space_id = space,
				     .kind = kind,
				     .enter_ns = time,
				     .exit_ns = time + 1,
				     .result = result,
				     .file_id = file};

	memcpy(event.args, args, sizeof(event.args));
	add_event(writer, &event);
}

#define ARGS(...)                                                                                                      \
	(const uint64_t[6])                                                                                            \
	{                                                                                                              \
		__VA_ARGS__                                                                                            \
	}

/* "start-end prot file offset" a line. */
static void assert_maps(struct store_reader *reader, int64_t space, uint64_t time, const char *expected)
{
	struct memory_event *maps;
	char text[4096] = "";
	size_t count;

	assert_no_error(store_reader_maps_at(reader, space, time, &maps, &count));
	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%llx-%llx %llu %lld %llx\n",
			 (unsigned long long)maps[i].args[0], (unsigned long long)(maps[i].args[0] + maps[i].args[1]),
			 (unsigned long long)maps[i].args[2], (long long)maps[i].file_id,
			 (unsigned long long)maps[i].args[5]);
	assert_string_equal(text, expected);
	free(maps);
}

static void test_maps_at(void **state)
{
	struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t space = add_space(writer, 1, 0, 1), child = add_space(writer, 2, space, 55);
	struct store_reader *reader;

	map(writer, space, MEMORY_SEEN, 10, 1, ARGS(0x400000, 0x3000, 5, 2, 0, 0x1000), 0);
	map(writer, space, MEMORY_MMAP, 20, 2, ARGS(0, 0x8000, 1, 2, 3, 0), 0x700000);
	map(writer, space, MEMORY_MMAP, 21, 2, ARGS(0x702000, 0x2000, 5, 0x12, 3, 0x2000), 0x702000);
	map(writer, space, MEMORY_MMAP, 22, 0, ARGS(0x706000, 0x1000, 3, 0x32, 0, 0), 0x706000);
	map(writer, space, MEMORY_MPROTECT, 23, 0, ARGS(0x704800, 1, 0), -22);
	map(writer, space, MEMORY_MPROTECT, 24, 0, ARGS(0x704000, 0x1000, 0), 0);
	map(writer, space, MEMORY_MMAP, 25, 0, ARGS(0, 0x9000, 3, 0x22, 0, 0), 0x900000); /* anonymous, elsewhere */
	map(writer, space, MEMORY_MUNMAP, 30, 0, ARGS(0x700000, 0x7800), 0);
	map(writer, space, MEMORY_MMAP, 40, 3, ARGS(0, 0x2000, 5, 2, 3, 0), 0x700000);
	map(writer, space, MEMORY_MREMAP, 41, 0, ARGS(0x700000, 0x2000, 0x3000, 1), 0x700000);
	map(writer, child, MEMORY_MUNMAP, 60, 0, ARGS(0x401000, 0x1000), 0);
	map(writer, space, MEMORY_MUNMAP, 70, 0, ARGS(0x400000, 0x3000), 0);
	commit(writer);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_maps(reader, space, 10, "");
	assert_maps(reader, space, 11, "400000-403000 5 1 1000\n");
	assert_maps(reader, space, 30,
		    "400000-403000 5 1 1000\n700000-702000 1 2 0\n702000-704000 5 2 2000\n704000-705000 0 2 4000\n"
		    "705000-706000 1 2 5000\n706000-707000 3 0 0\n707000-708000 1 2 7000\n");
	assert_maps(reader, space, 31, "400000-403000 5 1 1000\n");
	assert_maps(reader, space, 50, "400000-403000 5 1 1000\n700000-702000 5 3 0\n702000-703000 5 3 2000\n");
	assert_maps(reader, child, 100,
		    "400000-401000 5 1 1000\n402000-403000 5 1 3000\n700000-702000 5 3 0\n702000-703000 5 3 2000\n");
	assert_maps(reader, space, 100, "700000-702000 5 3 0\n702000-703000 5 3 2000\n");
	assert_maps(reader, 999, 100, "");
	store_reader_destroy(reader);
}

/* MADV_DONTFORK is 10, MADV_DOFORK 11. */
static void test_maps_of_a_child(void **state)
{
	static const char lives_of_child[] =
		"SELECT start >> 12, \"end\" >> 12, made_event, gone_event FROM mapping_life(2) ORDER BY start";
	static const char lives_of_parent[] =
		"SELECT start >> 12, \"end\" >> 12, made_event, gone_event FROM mapping_life(1) ORDER BY start";
	struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t space = add_space(writer, 1, 0, 1), child = add_space(writer, 2, space, 50);
	struct store_reader *reader;

	assert_true(space == 1 && child == 2);
	map(writer, space, MEMORY_MMAP, 20, 2, ARGS(0, 0x4000, 1, 2, 3, 0), 0x700000);
	map(writer, space, MEMORY_MMAP, 22, 2, ARGS(0, 0x1000, 1, 2, 3, 0), 0x800000);
	map(writer, space, MEMORY_MADVISE, 24, 0, ARGS(0x700000, 0x3000, 10), 0);
	map(writer, space, MEMORY_MADVISE, 26, 0, ARGS(0x702000, 0x1000, 11), 0);
	map(writer, space, MEMORY_MADVISE, 60, 0, ARGS(0x800000, 0x1000, 10), 0); /* after the fork */
	commit(writer);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	/* The child did nothing itself. */
	assert_maps(reader, space, 100, "700000-704000 1 2 0\n800000-801000 1 2 0\n");
	assert_maps(reader, child, 100, "702000-703000 1 2 2000\n703000-704000 1 2 3000\n800000-801000 1 2 0\n");
	assert_query(reader, lives_of_parent, "1792|1796|1|-\n2048|2049|2|-\n");
	assert_query(reader, lives_of_child, "1792|1794|1|3\n1794|1796|1|-\n2048|2049|2|-\n");
	store_reader_destroy(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_heap_history, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_heap_view, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_functions_and_coverage, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_calls, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_maps_at, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_maps_of_a_child, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
