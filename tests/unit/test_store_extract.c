/* SPDX-License-Identifier: MIT */
/* An extract answers for its process as the whole store does, holds nobody else's events, and leaves no table out. */
#include "schema/reader_calls.h"
#include "schema/reader_deaths.h"
#include "schema/reader_extract.h"
#include "schema/reader_history.h"
#include "schema/reader_maps.h"
#include "schema/reader_stack.h"
#include "schema/record_call.h"
#include "schema/record_death.h"
#include "schema/record_marker.h"
#include "schema/record_probe.h"
#include "schema/record_stack.h"
#include "test_store_support.h"

#include <sqlite3.h>

#define CHILD_EVENTS 3000

/* A parent that forks a child, which dies, beside a stranger that does the same things at the same times. */
struct life {
	int64_t recording, parent_process, parent, child_process, child, stranger_process, stranger, killer;
	int64_t signal, stack;
};

static int64_t add_process(struct store_writer *writer, int64_t recording, uint32_t pid)
{
	const struct process process = {.recording_id = recording, .pid = pid, .start_ns = pid, .comm = "victim"};
	int64_t id;

	assert_no_error(store_writer_add_process(writer, &process, &id));
	return id;
}

static void add_mapping(struct store_writer *writer, int64_t space, uint64_t time_ns, int64_t file, int64_t stack)
{
	const struct memory_event event = {
		.space_id = space,
		.tid = 100,
		.kind = MEMORY_MMAP,
		.enter_ns = time_ns,
		.exit_ns = time_ns + 1,
		.result = (int64_t)(0x10000000 + time_ns % 64 * 4096),
		.args = {0, 8192, 5, 2, 3, 0},
		.file_id = file,
		.stack_id = stack,
	};

	add_event(writer, &event);
}

static int64_t add_file(struct store_writer *writer, uint64_t inode, const char *path)
{
	const struct file_identity file = {.device_major = 8, .inode = inode, .path = (char *)path};
	int64_t id;

	assert_no_error(store_writer_add_file(writer, &file, &id));
	return id;
}

static void add_calls(struct store_writer *writer, const struct life *life, int64_t space, uint64_t time_ns)
{
	const struct probed_function function = {.recording_id = life->recording,
						 .file_id = add_file(writer, 9, "/lib/heap.so"),
						 .name = "malloc",
						 .signature = "",
						 .hole = ""};
	const struct probe_coverage coverage = {.recording_id = life->recording, .from_ns = 1, .heap = true};
	struct heap_event heap = {.space_id = space,
				  .tid = 100,
				  .role = FUNCTION_MALLOC,
				  .enter_ns = time_ns,
				  .exit_ns = time_ns,
				  .block = 0x7000,
				  .size = 64};
	struct call_event call = {.space_id = space,
				  .tid = 100,
				  .enter_ns = time_ns,
				  .exit_ns = time_ns,
				  .args = {0x7000},
				  .texts = {(char *)"text"},
				  .text_bytes = {4}};
	int64_t id;

	assert_no_error(store_writer_add_function(writer, &function, &id));
	heap.function_id = call.function_id = id;
	assert_no_error(store_writer_add_probe_coverage(writer, &coverage, &id));
	assert_no_error(store_writer_add_call_event(writer, &call, &id));
	for (int i = 0; i < 1100; i++) /* more than a block of them */
		assert_no_error(store_writer_add_heap_event(writer, &heap, &id));
}

static void add_death(struct store_writer *writer, struct life *life, int64_t process, int64_t space)
{
	const struct signal_event signal = {.process_id = process,
					    .space_id = space,
					    .tid = 100,
					    .time_ns = 900000,
					    .number = 11,
					    .fatal = true,
					    .sender_pid = 55,
					    .directory = (char *)"/"};
	const struct exit_state exit = {.process_id = process, .space_id = space, .time_ns = 900001};
	const struct attached_probe probe = {.recording_id = life->recording,
					     .path = (char *)"/lib/a.so",
					     .holder_cgroup = (char *)"",
					     .inode = 7,
					     .first_seen_ns = 1};
	const struct marker marker = {.space_id = space, .tid = 100, .enter_ns = 5000, .exit_ns = 5001, .option = 3};
	const struct thread_start thread = {.process_id = process, .tid = 100, .time_ns = 1};
	const struct gap gap = {.recording_id = life->recording, .cause = GAP_RING_FULL, .from_ns = 1, .to_ns = 2};
	struct return_instance instance = {.tid = 100};
	const struct truncation truncation = {.recording_id = life->recording,
					      .file_id = add_file(writer, 7, "/another/name/of/a.so"),
					      .path = (char *)"",
					      .how = TRUNCATION_FD};
	int64_t id;

	assert_no_error(store_writer_add_signal(writer, &signal, &life->signal));
	assert_no_error(store_writer_add_signal_sender(
		writer, &(struct signal_sender){.signal_id = life->signal, .pid = 9, .comm = "sender"}));
	instance.signal_id = life->signal;
	assert_no_error(store_writer_add_return_instance(writer, &instance, &id));
	assert_no_error(store_writer_add_exit_state(writer, &exit, &id));
	assert_no_error(store_writer_add_attached_probe(writer, &probe, &id));
	assert_no_error(store_writer_add_marker(writer, &marker, &id));
	assert_no_error(store_writer_add_thread_start(writer, &thread, &id));
	assert_no_error(store_writer_add_space_sharer(writer, space, life->killer, 5));
	assert_no_error(store_writer_add_call_result(
		writer,
		&(struct call_result){.space_id = space, .tid = 100, .number = 3, .enter_ns = 9, .exit_ns = 10}));
	assert_no_error(store_writer_add_gap(writer, &gap, &id));
	assert_no_error(store_writer_add_truncation(writer, &truncation, &id));
}

static void fill(const char *path, struct life *life)
{
	struct store_writer *writer = open_writer(path);
	const struct recording recording = {
		.boot_id = "b", .kernel_release = (char *)"6", .filter = (char *)"", .corelate_version = (char *)"t"};
	uint8_t slice[2000];
	struct recorded_stack stack = {
		.state = STACK_WHOLE, .asked_bytes = 8192, .slice = slice, .slice_bytes = sizeof(slice)};
	uint64_t discarded;
	int64_t file;

	for (size_t i = 0; i < sizeof(slice); i++)
		slice[i] = (uint8_t)(i * i >> 5);
	assert_no_error(store_writer_add_recording(writer, &recording, &life->recording));
	life->killer = add_process(writer, life->recording, 55);
	life->stranger_process = add_process(writer, life->recording, 66);
	life->parent_process = add_process(writer, life->recording, 77);
	life->child_process = add_process(writer, life->recording, 88);
	life->stranger = add_space(writer, life->stranger_process, 0, 1);
	life->parent = add_space(writer, life->parent_process, 0, 1);
	life->child = add_space(writer, life->child_process, life->parent, 2000);
	file = add_file(writer, 7, "/lib/a.so");
	assert_no_error(store_writer_add_stack(writer, &stack, &life->stack));
	for (uint64_t i = 0; i < CHILD_EVENTS; i++) {
		uint64_t time_ns = 1000 + i;

		add_mapping(writer, life->parent, time_ns, i % 3 ? 0 : file, 0); /* goes on after the fork */
		add_mapping(writer, life->stranger, time_ns, file, life->stack);
		if (time_ns >= 2000)
			add_mapping(writer, life->child, time_ns, i % 5 ? 0 : file, i == 2500 ? life->stack : 0);
	}
	add_calls(writer, life, life->child, 6000);
	add_calls(writer, life, life->stranger, 6000);
	add_death(writer, life, life->stranger_process, life->stranger);
	add_death(writer, life, life->child_process, life->child);
	assert_no_error(store_writer_commit(writer, life->recording, 1, &discarded));
	store_writer_destroy(writer);
}

static void extract(const struct place *place, int64_t space_id, char path[96])
{
	struct store_reader *reader = open_reader(place->path);
	const struct extract_query query = {.space_id = space_id, .sender_pid = 55};

	snprintf(path, 96, "%s/part.db", place->directory);
	assert_no_error(store_reader_extract(reader, &query, path));
	store_reader_destroy(reader);
}

/* The same history from both, event by event. */
static void assert_same_history(struct store_reader *all, struct store_reader *part, int64_t space_id, uint64_t start,
				size_t limit)
{
	const struct history_query query = {
		.space_id = space_id, .start = start, .end = start + 4096, .until_ns = UINT64_MAX, .limit = limit};
	struct memory_event *expected, *events;
	size_t expected_count, count;
	bool expected_truncated, truncated;

	assert_no_error(store_reader_history(all, &query, &expected, &expected_count, &expected_truncated));
	assert_no_error(store_reader_history(part, &query, &events, &count, &truncated));
	assert_int_equal(count, expected_count);
	assert_int_equal(truncated, expected_truncated);
	assert_true(count > 0);
	assert_memory_equal(events, expected, count * sizeof(*events));
	free(expected);
	free(events);
}

/* Who shared a space: one that ended there and was never probed, and one that left it by an exec. */
static void test_sharers(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	const struct recording recording = {
		.boot_id = "b", .kernel_release = (char *)"6", .filter = (char *)"", .corelate_version = (char *)"t"};
	struct probe_coverage coverage = {.from_ns = INT64_MAX, .heap = true};
	struct process ended = {.pid = 2, .start_ns = 100, .exit_ns = 500, .comm = "ended"};
	int64_t owner, left, space, id;
	struct store_reader *reader;
	uint64_t discarded, from_ns;
	char path[96];

	assert_no_error(store_writer_add_recording(writer, &recording, &coverage.recording_id));
	ended.recording_id = coverage.recording_id;
	owner = add_process(writer, ended.recording_id, 1);
	left = add_process(writer, ended.recording_id, 3);
	assert_no_error(store_writer_add_process(writer, &ended, &coverage.process_id));
	assert_no_error(store_writer_add_probe_coverage(writer, &coverage, &id));
	space = add_space(writer, owner, 0, 1);
	assert_no_error(store_writer_add_space(
		writer, &(struct space){.process_id = left, .origin = SPACE_EXEC, .from_ns = 60}, &id));
	assert_no_error(store_writer_add_space_sharer(writer, space, coverage.process_id, 100));
	assert_no_error(store_writer_add_space_sharer(writer, space, left, 50));
	assert_no_error(store_writer_commit(writer, ended.recording_id, 1, &discarded));
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_no_error(store_reader_sharers_covered(reader, space, UINT64_MAX, &from_ns));
	assert_int_equal(from_ns, 500);
	assert_no_error(store_reader_sharers_covered(reader, space, 99, &from_ns));
	assert_int_equal(from_ns, 0);
	store_reader_destroy(reader);
	extract(place, space, path);
	reader = open_reader(path);
	assert_no_error(store_reader_sharers_covered(reader, space, UINT64_MAX, &from_ns));
	assert_int_equal(from_ns, 500);
	store_reader_destroy(reader);
}

static void test_same_answers(void **state)
{
	struct place *place = *state;
	struct store_reader *all, *part;
	struct recorded_stack stack, stack_of_part;
	uint64_t expected = 0, events = 0;
	struct memory_event *maps;
	struct signal_event signal;
	struct life life;
	char path[96];
	size_t count;

	fill(place->path, &life);
	extract(place, life.child, path);
	all = open_reader(place->path);
	part = open_reader(path);
	for (uint64_t page = 0; page < 64; page += 7) {
		assert_same_history(all, part, life.child, 0x10000000 + page * 4096, SIZE_MAX);
		assert_same_history(all, part, life.child, 0x10000000 + page * 4096, 10);
	}
	assert_no_error(store_reader_count_events(all, life.child, &expected));
	assert_no_error(store_reader_count_events(part, life.child, &events));
	assert_int_equal(events, expected);
	assert_no_error(store_reader_stack(all, life.stack, &stack));
	assert_no_error(store_reader_stack(part, life.stack, &stack_of_part));
	assert_int_equal(stack_of_part.slice_bytes, stack.slice_bytes);
	assert_memory_equal(stack_of_part.slice, stack.slice, stack.slice_bytes);
	recorded_stack_deinit(&stack);
	recorded_stack_deinit(&stack_of_part);
	assert_no_error(store_reader_maps_at(part, life.child, UINT64_MAX, &maps, &count));
	assert_true(count > 0);
	free(maps);
	assert_no_error(store_reader_fatal_signal_in(part, life.child, life.child_process, &signal));
	assert_int_equal(signal.id, life.signal);
	signal_event_deinit(&signal);
	/* By inode, whatever its path was; the killer by its pid. */
	assert_query(part, "SELECT count(*) > 0 FROM truncation JOIN file ON file.id = file_id WHERE inode = 7", "1\n");
	assert_query(part, "SELECT count(*) FROM process WHERE pid = 55", "1\n");
	store_reader_destroy(all);
	store_reader_destroy(part);
	unlink(path);
}

/* Nothing of the stranger, nothing of the parent after the fork; and one file, not a log beside it. */
static void test_nobody_else(void **state)
{
	static const char *const beside[] = {"-wal", "-shm", "-lock", "-journal"};
	struct place *place = *state;
	struct store_reader *part;
	struct life life;
	char path[96], other[112];

	fill(place->path, &life);
	extract(place, life.child, path);
	for (size_t i = 0; i < 4; i++) {
		snprintf(other, sizeof(other), "%s%s", path, beside[i]);
		assert_int_not_equal(access(other, F_OK), 0);
	}
	part = open_reader(path);
	assert_query(part, "SELECT count(*) FROM process WHERE pid = 66", "0\n");
	assert_query(part, "SELECT count(*) FROM space JOIN process ON process.id = process_id WHERE pid = 66", "0\n");
	assert_query(part, "SELECT max(enter_ns) FROM event JOIN space ON space.id = space_id WHERE origin = 1",
		     "1999\n");
	assert_query(part, "SELECT count(*) FROM signal", "1\n");
	assert_query(part, "SELECT count(*) FROM heap", "1100\n");
	store_reader_destroy(part);
	unlink(path);
}

/* Whoever adds a table must say what an extract takes of it: fill() puts a row of the child into each; but gc fills
 * "pruned", and what it still has to remove is nobody's. */
static void test_no_table_is_left_out(void **state)
{
	struct place *place = *state;
	cleanup_free char *names = NULL;
	sqlite3 *database;
	struct store_reader *part;
	struct life life;
	char path[96];
	char *rest;

	fill(place->path, &life);
	assert_int_equal(sqlite3_open(place->path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, "INSERT INTO pruned SELECT NULL, id, 1, 2, 3, 4 FROM recording", NULL,
				      NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(database);
	extract(place, life.child, path);
	part = open_reader(path);
	names = query_text(part, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
				 "AND name <> 'prune_rest'");
	for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		cleanup_free char *count = NULL;
		char sql[128];

		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", name);
		count = query_text(part, sql);
		if (strcmp(count, "0\n") == 0)
			fail_msg("an extract has no row of the table %s", name);
	}
	store_reader_destroy(part);
	unlink(path);
}

static void test_empty_and_refused(void **state)
{
	struct place *place = *state;
	struct store_reader *reader, *part;
	struct extract_query query = {.space_id = 999};
	struct life life;
	char path[96];

	fill(place->path, &life);
	extract(place, 0, path);
	part = open_reader(path);
	assert_query(part, "SELECT count(*) FROM event", "0\n");
	store_reader_destroy(part);
	reader = open_reader(place->path);
	assert_error(store_reader_extract(reader, &query, path), ERROR_SYSTEM, path); /* it is there */
	unlink(path);
	assert_ptr_equal(store_reader_extract(reader, &query, path), &error_not_found);
	assert_int_not_equal(access(path, F_OK), 0);
	store_reader_destroy(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sharers, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_same_answers, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_nobody_else, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_no_table_is_left_out, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_empty_and_refused, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
