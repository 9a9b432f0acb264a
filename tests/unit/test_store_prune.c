/* SPDX-License-Identifier: MIT */
/* Pruning: who goes and who stays, that nothing of the others changes, and that writers and readers are not harmed. */
#include "schema/prune.h"
#include "schema/reader_history.h"
#include "schema/reader_stack.h"
#include "schema/record_call.h"
#include "schema/record_death.h"
#include "schema/record_marker.h"
#include "schema/record_stack.h"
#include "test_store_support.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#define SECOND 1000000000ULL
#define BASE 0x7f0000000000ULL
/* Boot time 0 is that second since 1970. */
#define BOOTED 1700000000LL

static int64_t add_recording(struct store_writer *writer, uint64_t ended_ns)
{
	const struct recording recording = {
		.boot_id = "boot",
		.started_ns = SECOND,
		.ended_ns = ended_ns,
		.realtime_offset_ns = BOOTED * (int64_t)SECOND,
		.emitted = 1000,
		.stored = 990,
		.lost = 10,
	};
	int64_t id = 0;

	assert_no_error(store_writer_add_recording(writer, &recording, &id));
	return id;
}

/* A process with a space; exit_s 0 for one that lives. Returns the space, whose id is the process's. */
static int64_t add_process(struct store_writer *writer, int64_t recording_id, int64_t parent_space_id, uint64_t exit_s)
{
	static uint32_t pid = 100;
	const struct process process = {.recording_id = recording_id,
					.pid = ++pid,
					.start_ns = SECOND,
					.first_seen_ns = SECOND,
					.exit_ns = exit_s * SECOND,
					.comm = "victim"};
	int64_t process_id = 0, space_id;

	assert_no_error(store_writer_add_process(writer, &process, &process_id));
	space_id = add_space(writer, process_id, parent_space_id, SECOND);
	assert_int_equal(process_id, space_id);
	return space_id;
}

static int64_t add_death(struct store_writer *writer, int64_t id, uint64_t time_s)
{
	const struct signal_event death = {.process_id = id,
					   .space_id = id,
					   .time_ns = time_s * SECOND,
					   .number = 11,
					   .fatal = true,
					   .directory = (char *)""};
	struct return_instance instance = {.function = 1};
	struct signal_sender sender = {.pid = 3};
	int64_t signal_id = 0, unused;

	assert_no_error(store_writer_add_signal(writer, &death, &signal_id));
	instance.signal_id = sender.signal_id = signal_id;
	assert_no_error(store_writer_add_return_instance(writer, &instance, &unused));
	assert_no_error(store_writer_add_signal_sender(writer, &sender));
	return signal_id;
}

/* `count` events and a fifth of that of each other kind. The n-th maps page n. */
static void add_rows(struct store_writer *writer, int64_t id, int count)
{
	struct memory_event event = {
		.space_id = id, .kind = MEMORY_MMAP, .enter_ns = 2 * SECOND, .exit_ns = 2 * SECOND, .args = {0, 4096}};
	struct heap_event heap = {
		.space_id = id, .role = FUNCTION_MALLOC, .enter_ns = 2 * SECOND, .exit_ns = 2 * SECOND, .size = 16};
	const struct call_event call = {.space_id = id, .enter_ns = 2 * SECOND};
	const struct marker marker = {.space_id = id, .tid = 1, .enter_ns = 2 * SECOND, .option = 4};
	const struct thread_start start = {.process_id = id, .tid = 2};
	const struct signal_event signal = {
		.process_id = id, .space_id = id, .number = 14, .directory = (char *)"", .time_ns = 2 * SECOND};
	int64_t unused;

	for (int i = 0; i < count; i++) {
		event.result = (int64_t)(BASE + (uint64_t)i * 4096);
		add_event(writer, &event);
		if (i % 5)
			continue;
		heap.block = BASE + (uint64_t)i * 4096;
		assert_no_error(store_writer_add_heap_event(writer, &heap, &unused));
		assert_no_error(store_writer_add_call_event(writer, &call, &unused));
		assert_no_error(store_writer_add_marker(writer, &marker, &unused));
		assert_no_error(store_writer_add_thread_start(writer, &start, &unused));
		assert_no_error(store_writer_add_signal(writer, &signal, &unused));
	}
}

static struct store_pruned prune(const char *path, uint64_t most_bytes, uint64_t most_age_s, uint64_t now_s)
{
	const struct store_prune_limits limits = {
		.most_bytes = most_bytes, .most_age_s = most_age_s, .now_ns = (BOOTED + (int64_t)now_s) * 1000000000};
	struct store_pruned pruned;

	assert_no_error(store_prune(path, &limits, &pruned));
	return pruned;
}

static void assert_store(const char *path, const char *sql, const char *expected)
{
	struct store_reader *reader = open_reader(path);

	assert_query(reader, sql, expected);
	store_reader_destroy(reader);
}

static size_t history_of(const char *path, int64_t space_id, uint64_t start, uint64_t end)
{
	const struct history_query query = {
		.space_id = space_id, .start = start, .end = end, .until_ns = UINT64_MAX, .limit = SIZE_MAX};
	struct store_reader *reader = open_reader(path);
	struct memory_event *events = NULL;
	struct heap_event *calls = NULL;
	size_t count, heap_count;
	bool truncated;

	assert_no_error(store_reader_history(reader, &query, &events, &count, &truncated));
	free(events);
	assert_no_error(store_reader_heap_history(reader, &query, &calls, &heap_count, &truncated));
	free(calls);
	store_reader_destroy(reader);
	return count * 1000000 + heap_count;
}

/* All rows that name a space or a process that is not there. */
#define LEFT_BEHIND                                                                                                    \
	"SELECT (SELECT count(*) FROM event WHERE space_id NOT IN (SELECT id FROM space)) || ' ' || "                  \
	"(SELECT count(*) FROM heap WHERE space_id NOT IN (SELECT id FROM space)) || ' ' || "                          \
	"(SELECT count(*) FROM call WHERE space_id NOT IN (SELECT id FROM space)) || ' ' || "                          \
	"(SELECT count(*) FROM marker WHERE space_id NOT IN (SELECT id FROM space)) || ' ' || "                        \
	"(SELECT count(*) FROM signal WHERE space_id NOT IN (SELECT id FROM space)) || ' ' || "                        \
	"(SELECT count(*) FROM signal WHERE process_id NOT IN (SELECT id FROM process)) || ' ' || "                    \
	"(SELECT count(*) FROM signal_sender WHERE signal_id NOT IN (SELECT id FROM signal)) || ' ' || "               \
	"(SELECT count(*) FROM return_instance WHERE signal_id > 0 AND signal_id NOT IN (SELECT id FROM signal)) || "  \
	"' ' || "                                                                                                      \
	"(SELECT count(*) FROM thread_start WHERE process_id NOT IN (SELECT id FROM process)) || ' ' || "              \
	"(SELECT count(*) FROM event_block_space WHERE space_id NOT IN (SELECT id FROM space)) || ' ' || "             \
	"(SELECT count(*) FROM prune_rest)"
#define NOTHING_LEFT "0 0 0 0 0 0 0 0 0 0 0\n"

static void add_exit(struct store_writer *writer, int64_t recording_id, int64_t id)
{
	const struct exit_state state = {.process_id = id, .space_id = id, .status = 256};
	const struct probe_coverage coverage = {.recording_id = recording_id, .process_id = id};
	struct return_instance instance = {.function = 1};
	int64_t unused;

	assert_no_error(store_writer_add_exit_state(writer, &state, &instance.exit_state_id));
	assert_no_error(store_writer_add_return_instance(writer, &instance, &unused));
	assert_no_error(store_writer_add_probe_coverage(writer, &coverage, &unused));
}

/* In any table, one that is made some day as well: no column that names such a row names one that is not there. */
static void assert_nothing_hangs(const char *path)
{
	struct store_reader *reader = open_reader(path);
	cleanup_free char *names = query_text(
		reader, "SELECT 'SELECT count(*) FROM ' || m.name || ' WHERE ' || c.name || ' > 0 AND ' || c.name || "
			"' NOT IN (SELECT id FROM ' || replace(c.name, '_id', '') || ')' "
			"FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' "
			"AND c.name IN ('space_id', 'process_id', 'signal_id', 'exit_state_id')");
	char *rest;
	int columns = 0;

	for (char *sql = strtok_r(names, "\n", &rest); sql; sql = strtok_r(NULL, "\n", &rest), columns++) {
		cleanup_free char *count = query_text(reader, sql);

		if (strcmp(count, "0\n") != 0)
			fail_msg("rows are left: %s", sql);
	}
	assert_true(columns >= 15);
	store_reader_destroy(reader);
}

static void those_too_old_go(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 2000 * SECOND), old, young, living;
	struct store_pruned pruned;
	size_t before;

	old = add_process(writer, recording, 0, 100);
	young = add_process(writer, recording, 0, 1000);
	living = add_process(writer, recording, 0, 0);
	/* Two blocks of one alone, and then blocks that they share. */
	add_rows(writer, old, 2048);
	for (int i = 0; i < 30; i++) {
		add_rows(writer, old, 200);
		add_rows(writer, young, 200);
	}
	add_death(writer, old, 100);
	add_exit(writer, recording, old);
	add_exit(writer, recording, young);
	add_rows(writer, living, 10);
	store_writer_destroy(writer);
	before = history_of(place->path, young, BASE, BASE + 10 * 4096);
	assert_int_equal(before, 300 * 1000000 + 60);

	pruned = prune(place->path, 0, 900, 1200);
	assert_int_equal(pruned.processes, 1);
	assert_int_equal(pruned.deaths, 1);
	assert_int_equal(pruned.kept, 2);
	assert_true(pruned.rows > 8048 * 2);
	assert_false(pruned.recorder_runs);
	assert_store(place->path, LEFT_BEHIND, NOTHING_LEFT);
	assert_nothing_hangs(place->path);
	assert_store(place->path, "SELECT (SELECT count(*) FROM exit_state), (SELECT count(*) FROM probe_coverage)",
		     "1|1\n");
	assert_store(place->path, "SELECT group_concat(id) FROM process", "2,3\n");
	assert_store(place->path, "PRAGMA integrity_check", "ok\n");
	assert_int_equal(history_of(place->path, young, BASE, BASE + 10 * 4096), before);
	assert_int_equal(history_of(place->path, young, BASE, BASE + 200 * 4096), 6000ULL * 1000000 + 1200);
	assert_int_equal(history_of(place->path, old, BASE, BASE + 200 * 4096), 0);
	/* The books are as they were; what went is told. */
	assert_store(place->path, "SELECT emitted, stored, lost, balance, pruned FROM v_recording",
		     "1000|990|10|0|1\n");
	assert_store(place->path, "SELECT recording_id, date, processes, deaths, until FROM v_pruned",
		     "1|2023-11-14 22:33:20|1|1|2023-11-14 22:15:00.000000\n");

	/* Counting goes by the summaries. */
	{
		struct store_reader *reader = open_reader(place->path);
		uint64_t count;

		assert_no_error(store_reader_count_events(reader, young, &count));
		assert_int_equal(count, 6000 + 1200 + 1200);
		store_reader_destroy(reader);
	}
	/* A second time there is nothing to do. */
	pruned = prune(place->path, 0, 900, 1200);
	assert_int_equal(pruned.processes + pruned.rows, 0);
}

/* The living process is the newest here as well: its recording being over, it stays for its id alone. */
static void ids_are_never_given_twice(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 100 * SECOND), last, event;
	struct memory_event row = {.kind = MEMORY_MMAP, .result = BASE, .args = {0, 4096}, .enter_ns = 1};

	add_process(writer, recording, 0, 50);
	row.space_id = add_process(writer, recording, 0, 50);
	last = add_process(writer, recording, 0, 50);
	event = add_event(writer, &row);
	store_writer_destroy(writer);
	assert_int_equal(prune(place->path, 0, 1, 100000).processes, 2);
	/* The newest event is of one that went: it stays, and is on the list. */
	assert_store(place->path, "SELECT (SELECT count(*) FROM event), (SELECT group_concat(id) FROM prune_rest)",
		     "1|2\n");

	writer = open_writer(place->path);
	recording = add_recording(writer, 0);
	row.space_id = add_process(writer, recording, 0, 0);
	assert_int_equal(row.space_id, last + 1);
	assert_int_equal(add_event(writer, &row), event + 1);
	store_writer_destroy(writer);
	prune(place->path, 0, 1, 100000);
	assert_store(place->path, LEFT_BEHIND, NOTHING_LEFT);
}

static void what_was_forked_keeps_its_past(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 2000 * SECOND), grandparent, parent, lone, child;

	grandparent = add_process(writer, recording, 0, 10);
	parent = add_process(writer, recording, grandparent, 20);
	lone = add_process(writer, recording, parent, 30);
	child = add_process(writer, recording, parent, 1000);
	add_process(writer, recording, 0, 1500);
	add_rows(writer, grandparent, 100);
	add_rows(writer, parent, 100);
	add_rows(writer, lone, 100);
	add_rows(writer, child, 100);
	store_writer_destroy(writer);

	assert_int_equal(prune(place->path, 0, 900, 1000).processes, 1);
	assert_store(place->path, "SELECT group_concat(id) FROM process", "1,2,4,5\n");
	/* By size alone the ancestors go after the child. */
	assert_int_equal(prune(place->path, 1, 0, 2000).processes, 3);
	assert_store(place->path, "SELECT group_concat(id) FROM process", "5\n");
}

static void crashes_go_last(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 2000 * SECOND);
	struct store_pruned pruned, foreseen;
	struct store_prune_limits limits = {.dry_run = true, .now_ns = (BOOTED + 2000) * 1000000000LL};
	uint64_t used;

	for (uint64_t i = 0; i < 10; i++) {
		int64_t id = add_process(writer, recording, 0, 100 + i);

		add_rows(writer, id, 3000);
		if (i < 2)
			add_death(writer, id, 100 + i);
	}
	add_process(writer, recording, 0, 1500);
	store_writer_destroy(writer);
	used = prune(place->path, 0, 0, 2000).used;

	limits.most_bytes = used / 2;
	assert_no_error(store_prune(place->path, &limits, &foreseen));
	assert_true(foreseen.processes >= 4 && foreseen.processes <= 6);
	assert_int_equal(foreseen.deaths, 0);
	assert_store(place->path, "SELECT count(*) FROM process", "11\n");

	pruned = prune(place->path, used / 2, 0, 2000);
	assert_true(pruned.used <= used / 2);
	assert_true(pruned.processes >= 4 && pruned.processes <= 7);
	assert_int_equal(pruned.deaths, 0);
	/* The oldest of those that did not crash went. */
	assert_store(place->path,
		     "SELECT (SELECT count(*) FROM process WHERE id IN (1, 2)), "
		     "(SELECT count(*) FROM process WHERE id BETWEEN 3 AND 6), "
		     "(SELECT max(id) - min(id) + 1 = count(*) FROM process WHERE id > 2)",
		     "2|0|1\n");
}

static void a_crash_goes_when_nothing_else_is_left(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 2000 * SECOND), crashed, other, newest;

	crashed = add_process(writer, recording, 0, 100);
	other = add_process(writer, recording, 0, 200);
	newest = add_process(writer, recording, 0, 300);
	add_rows(writer, crashed, 5000);
	add_rows(writer, other, 100);
	add_death(writer, crashed, 100);
	add_death(writer, newest, 300);
	store_writer_destroy(writer);
	assert_int_equal(prune(place->path, 1, 0, 2000).processes, 2);
}

/* ---- ended early ---- */

static bool count_down(void *context)
{
	int *left = context;

	return (*left)-- > 0;
}

static void what_was_left_is_swept_later(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 2000 * SECOND), old, young;
	struct store_prune_limits limits = {
		.most_age_s = 900, .now_ns = (BOOTED + 1200) * 1000000000LL, .go_on = count_down};
	struct store_pruned pruned;
	int left = 0;

	old = add_process(writer, recording, 0, 100);
	young = add_process(writer, recording, 0, 1000);
	for (int i = 0; i < 10; i++) {
		add_rows(writer, old, 500);
		add_rows(writer, young, 500);
	}
	add_death(writer, old, 100);
	add_rows(writer, young, 10);
	add_death(writer, young, 1000);
	store_writer_destroy(writer);
	limits.context = &left;

	assert_error(store_prune(place->path, &limits, &pruned), ERROR_SYSTEM, "interrupted");
	assert_store(place->path, "SELECT (SELECT count(*) FROM process), (SELECT count(*) FROM pruned)", "2|0\n");
	/* The first transaction alone: nobody finds it any more, and of its events none is missing. */
	left = 1;
	assert_error(store_prune(place->path, &limits, &pruned), ERROR_SYSTEM, "interrupted");
	assert_int_equal(pruned.processes, 1);
	assert_store(place->path,
		     "SELECT (SELECT count(*) FROM event WHERE space_id = 1), (SELECT count(*) FROM space), "
		     "(SELECT count(*) FROM signal WHERE fatal), (SELECT count(*) FROM v_crash)",
		     "5000|1|1|1\n");
	left = 2;
	assert_error(store_prune(place->path, &limits, &pruned), ERROR_SYSTEM, "interrupted");
	assert_int_equal(pruned.processes, 0);
	assert_true(pruned.rows > 0);
	limits.go_on = NULL;
	assert_no_error(store_prune(place->path, &limits, &pruned));
	assert_store(place->path, LEFT_BEHIND, NOTHING_LEFT);
	assert_store(place->path, "SELECT sum(processes) FROM pruned", "1\n");
	assert_store(place->path, "PRAGMA integrity_check", "ok\n");
}

/* ---- with others ---- */

struct recorder {
	struct store_writer *writer;
	int64_t recording_id, space_id;
	atomic_bool stop;
	uint64_t stored, discarded;
};

static void *record_on(void *context)
{
	struct recorder *recorder = context;

	while (!atomic_load(&recorder->stop)) {
		uint64_t discarded = 0;

		add_rows(recorder->writer, recorder->space_id, 100);
		recorder->stored += 100;
		assert_no_error(store_writer_commit(recorder->writer, recorder->recording_id, 3 * SECOND, &discarded));
		recorder->discarded += discarded;
	}
	return NULL;
}

static void a_recorder_loses_nothing(void **state)
{
	const struct place *place = *state;
	struct recorder recorder = {.writer = open_writer(place->path)};
	int64_t old_recording = add_recording(recorder.writer, 500 * SECOND), old[20];
	char expected[64];
	struct store_pruned pruned;
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		old[i] = add_process(recorder.writer, old_recording, 0, 0); /* over with its recording */
		add_rows(recorder.writer, old[i], 2000);
	}
	recorder.recording_id = add_recording(recorder.writer, 0);
	recorder.space_id = add_process(recorder.writer, recorder.recording_id, 0, 0);
	assert_no_error(store_writer_commit(recorder.writer, recorder.recording_id, 2 * SECOND, &recorder.discarded));
	assert_int_equal(pthread_create(&thread, NULL, record_on, &recorder), 0);
	pruned = prune(place->path, 0, 1, 100000);
	atomic_store(&recorder.stop, true);
	pthread_join(thread, NULL);
	assert_true(pruned.recorder_runs);
	assert_int_equal(pruned.processes, 20);
	assert_int_equal(recorder.discarded, 0);
	assert_true(recorder.stored > 0);
	store_writer_destroy(recorder.writer);

	snprintf(expected, sizeof(expected), "%llu\n", (unsigned long long)recorder.stored);
	assert_store(place->path, "SELECT count(*) FROM event WHERE space_id = 21", expected);
	assert_store(place->path, "PRAGMA integrity_check", "ok\n");
	assert_int_equal(history_of(place->path, recorder.space_id, BASE, BASE + 100 * 4096) / 1000000,
			 recorder.stored);
	prune(place->path, 0, 0, 100000);
	assert_store(place->path, "SELECT count(*) FROM event WHERE space_id < 21", "0\n");
}

/* Of the running recording: who has ended for more than a minute may go, who lives may not. */
static void a_running_recording_keeps_the_living(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 0);
	uint64_t discarded;

	add_process(writer, recording, 0, 100);
	add_process(writer, recording, 0, 0);
	add_process(writer, recording, 0, 1990);
	add_process(writer, recording, 0, 0);
	assert_no_error(store_writer_commit(writer, recording, 1999 * SECOND, &discarded));
	assert_int_equal(prune(place->path, 1, 1, 2000).processes, 1);
	assert_store(place->path, "SELECT group_concat(id) FROM process", "2,3,4\n");
	store_writer_destroy(writer);
	/* Killed: those that lived then have been dead for an hour. */
	assert_int_equal(prune(place->path, 0, 3000, 5600).processes, 2);
}

static void a_locked_database_is_told(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 50 * SECOND);
	const struct store_prune_limits limits = {.most_age_s = 1, .now_ns = (BOOTED + 100) * 1000000000LL};
	struct store_pruned pruned;
	sqlite3 *other;

	add_process(writer, recording, 0, 20);
	add_process(writer, recording, 0, 20);
	store_writer_destroy(writer);
	assert_int_equal(sqlite3_open(place->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_error(store_prune(place->path, &limits, &pruned), ERROR_SYSTEM, "database is locked");
	sqlite3_close(other);
	assert_store(place->path, "SELECT count(*) FROM process", "2\n");
	assert_error(store_prune("/nonexistent/x.db", &limits, &pruned), ERROR_NOT_FOUND, "/nonexistent/x.db");
}

static void a_full_disk_is_told(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 50 * SECOND), old = add_process(writer, recording, 0, 20);
	const struct store_prune_limits limits = {.most_age_s = 1, .now_ns = (BOOTED + 100) * 1000000000LL};
	struct rlimit limit, before;
	struct store_pruned pruned;
	struct error *err;

	add_rows(writer, old, 20000);
	add_rows(writer, add_process(writer, recording, 0, 20), 5);
	store_writer_destroy(writer);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 16384;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	err = store_prune(place->path, &limits, &pruned);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_error(err, ERROR_SYSTEM, place->path);
	assert_int_equal(pruned.processes, 0);
	assert_store(place->path, "PRAGMA integrity_check", "ok\n");
	assert_store(place->path, "SELECT count(*) FROM process", "2\n");
	assert_int_equal(prune(place->path, 0, 1, 100).processes, 1);
	assert_store(place->path, LEFT_BEHIND, NOTHING_LEFT);
}

/* ---- stacks ---- */

static void stacks_go_when_nobody_records(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 0), old, young, stacks[3];
	struct memory_event event = {.kind = MEMORY_MMAP, .result = BASE, .args = {0, 4096}, .enter_ns = 1};
	struct recorded_stack found;
	struct store_reader *reader;
	uint8_t slice[2048];
	uint64_t discarded;

	old = add_process(writer, recording, 0, 20);
	young = add_process(writer, recording, 0, 0);
	for (int i = 0; i < 3; i++) {
		struct recorded_stack stack = {
			.state = STACK_WHOLE, .asked_bytes = 4096, .slice = slice, .slice_bytes = sizeof(slice)};

		memset(slice, i < 2 ? i : 7, sizeof(slice));
		slice[0] = (uint8_t)i;
		assert_no_error(store_writer_add_stack(writer, &stack, &stacks[i]));
		event.space_id = i == 0 ? old : young;
		event.stack_id = stacks[i];
		add_event(writer, &event);
	}
	assert_no_error(store_writer_commit(writer, recording, 30 * SECOND, &discarded));
	assert_int_equal(prune(place->path, 0, 1, 100000).processes, 1);
	assert_store(place->path, "SELECT (SELECT count(*) FROM stack), (SELECT group_concat(what) FROM prune_rest)",
		     "3|3\n");
	store_writer_destroy(writer);
	prune(place->path, 0, 0, 100000);
	assert_store(place->path, "SELECT (SELECT group_concat(id) FROM stack), (SELECT count(*) FROM prune_rest)",
		     "2,3|0\n");
	reader = open_reader(place->path);
	assert_no_error(store_reader_stack(reader, stacks[1], &found));
	assert_int_equal(found.slice_bytes, sizeof(slice));
	assert_int_equal(found.slice[100], 1);
	recorded_stack_deinit(&found);
	assert_query(reader,
		     "SELECT (SELECT count(*) FROM stack_slice) || ' ' || (SELECT min(id) > 1 FROM stack_block)",
		     "2 1\n");
	store_reader_destroy(reader);
}

static void a_file_that_is_mostly_empty_shrinks(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer, 50 * SECOND), old = add_process(writer, recording, 0, 20);
	struct store_pruned pruned;
	struct stat before, after;

	add_process(writer, recording, 0, 20);
	add_rows(writer, old, 150000);
	store_writer_destroy(writer);
	assert_int_equal(stat(place->path, &before), 0);
	pruned = prune(place->path, 0, 1, 100);
	assert_true(pruned.compacted);
	assert_int_equal(stat(place->path, &after), 0);
	assert_true(after.st_size < before.st_size / 4);
	assert_store(place->path, "PRAGMA integrity_check", "ok\n");
	assert_store(place->path, "SELECT count(*) FROM event", "1\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(those_too_old_go),
		TEST(ids_are_never_given_twice),
		TEST(what_was_forked_keeps_its_past),
		TEST(crashes_go_last),
		TEST(a_crash_goes_when_nothing_else_is_left),
		TEST(what_was_left_is_swept_later),
		TEST(a_recorder_loses_nothing),
		TEST(a_running_recording_keeps_the_living),
		TEST(a_locked_database_is_told),
		TEST(a_full_disk_is_told),
		TEST(stacks_go_when_nobody_records),
		TEST(a_file_that_is_mostly_empty_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
