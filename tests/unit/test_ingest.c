/* SPDX-License-Identifier: MIT */
/* Records that come in either order, or twice, or after a rollback: what the rows say is the same. */
#include <sqlite3.h>

/* The privileged program is not linked into tests; these files of it know no libbpf. */
#include "collector/ingest.h"
#include "schema/reader.h"
#include "schema/record_recording.h"
#include "schema/writer.h"
#include "schema/writer_internal.h"
#include "tests/unit/test_store_support.h"

#define SECOND 1000000000ULL

struct desk {
	struct store_writer *writer;
	struct ingest *ingest;
	int64_t recording_id;
};

static void desk_open(struct desk *desk, const char *path)
{
	struct recording recording = {
		.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
		.started_ns = SECOND,
		.kernel_release = (char *)"6",
		.filter = (char *)"",
		.corelate_version = (char *)"1",
	};
	uint64_t discarded;

	desk->writer = open_writer(path);
	assert_no_error(store_writer_add_recording(desk->writer, &recording, &desk->recording_id));
	assert_no_error(store_writer_commit(desk->writer, desk->recording_id, SECOND, &discarded));
	assert_no_error(ingest_create(
		desk->writer, &(struct ingest_options){.recording_id = desk->recording_id, .started_ns = SECOND},
		&desk->ingest));
}

static void desk_close(struct desk *desk)
{
	ingest_complete(desk->ingest);
	ingest_commit(desk->ingest, 90 * SECOND);
	ingest_destroy(desk->ingest);
	store_writer_destroy(desk->writer);
}

/* What is told of process `pid`, which began at the second `start`, at the second `now`. */
static struct event_header header(uint16_t type, size_t size, uint32_t pid, uint64_t now)
{
	return (struct event_header){
		.size = (uint32_t)size, .type = type, .time_ns = now * SECOND, .pid = pid, .tid = pid};
}

static struct event_process process(uint32_t reason, uint32_t pid, uint64_t start, uint64_t now)
{
	return (struct event_process){
		.header = header(EVENT_PROCESS, sizeof(struct event_process), pid, now),
		.start_ns = start * SECOND,
		.since_ns = now * SECOND,
		.cgroup_id = 5,
		.reason = reason,
		.parent_pid = 2,
		.namespace_pid = pid + 1000,
		.uid = 0,
		.comm = "victim",
	};
}

static void tell_process(struct desk *desk, struct event_process record)
{
	ingest_record(desk->ingest, &record.header);
}

static void tell_exit(struct desk *desk, uint32_t pid, uint64_t start, uint64_t now)
{
	const struct event_exit record = {
		.header = header(EVENT_EXIT, sizeof(record), pid, now),
		.start_ns = start * SECOND,
		.status = 11,
		.uid = 65534,
	};

	ingest_record(desk->ingest, &record.header);
}

static void tell_munmap(struct desk *desk, uint32_t pid, uint64_t now)
{
	const struct event_syscall record = {
		.header = header(EVENT_SYSCALL, sizeof(record), pid, now),
		.enter_ns = now * SECOND - 5,
		.args = {0x10000, 0x1000},
		.number = 11,
	};

	ingest_record(desk->ingest, &record.header);
}

static void tell_coverage(struct desk *desk, uint32_t pid, uint64_t start, uint64_t now)
{
	const struct event_coverage record = {.header = header(EVENT_COVERAGE, sizeof(record), pid, now),
					      .start_ns = start * SECOND};

	ingest_record(desk->ingest, &record.header);
}

static void tell_signal(struct desk *desk, uint32_t pid, uint64_t now)
{
	struct event_signal record = {
		.header = header(EVENT_SIGNAL, sizeof(record), pid, now),
		.number = 11,
		.fatal = 1,
		.uid = 1000,
	};

	ingest_record(desk->ingest, &record.header);
}

static void tell_instance(struct desk *desk, uint32_t pid, uint64_t function, uint64_t now)
{
	const struct event_return_instance record = {
		.header = header(EVENT_RETURN_INSTANCE, sizeof(record), pid, now),
		.function = function,
		.thread = pid,
	};

	ingest_record(desk->ingest, &record.header);
}

static void assert_rows(const struct place *place, const char *sql, const char *expected)
{
	struct store_reader *reader = open_reader(place->path);

	assert_query(reader, sql, expected);
	store_reader_destroy(reader);
}

static void assert_lost(const struct desk *desk, uint64_t expected)
{
	uint64_t stored, lost;

	ingest_books(desk->ingest, &stored, &lost);
	assert_int_equal(lost, expected);
}

static const char identity[] = "SELECT pid, namespace_pid, parent_pid, uid, last_uid, start_ns / 1000000000, "
			       "exit_ns / 1000000000, cgroup_id, comm FROM process ORDER BY id";
static const char spaces[] = "SELECT process_id, parent_space_id, origin, from_ns / 1000000000, to_ns / 1000000000 "
			     "FROM space ORDER BY id";

static void coverage_waits_for_the_announcement(void **state)
{
	struct desk desk;

	desk_open(&desk, ((struct place *)*state)->path);
	tell_coverage(&desk, 100, 0, 2);
	ingest_commit(desk.ingest, 2 * SECOND);
	tell_process(&desk, process(EVENT_PROCESS_SNAPSHOT, 100, 1, 3));
	tell_exit(&desk, 100, 1, 4);
	desk_close(&desk);
	assert_rows(*state, identity, "100|1100|2|0|65534|1|4|5|victim\n");
	assert_rows(*state, spaces, "1|0|3|3|4\n");
	assert_rows(*state, "SELECT process_id, from_ns / 1000000000 FROM probe_coverage", "1|2\n");
}

static void what_comes_after_the_exit_makes_no_process(void **state)
{
	struct desk desk;

	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_SNAPSHOT, 100, 1, 2));
	tell_exit(&desk, 100, 1, 3);
	tell_coverage(&desk, 100, 1, 4); /* none of its calls were seen, and that is a row */
	tell_coverage(&desk, 101, 1, 4);
	tell_coverage(&desk, 100, 0, 2); /* attached by its pid, and late in the queue */
	tell_coverage(&desk, 100, 0, 4); /* whose pid is another's by then */
	ingest_commit(desk.ingest, 4 * SECOND);
	assert_int_equal(ingest_uncovered(desk.ingest), 1);
	tell_munmap(&desk, 100, 4);
	tell_exit(&desk, 100, 1, 5);
	assert_lost(&desk, 0);
	/* Of one that nobody announced there is a gap, and nothing else. */
	tell_munmap(&desk, 55, 5);
	assert_lost(&desk, 1);
	desk_close(&desk);
	assert_rows(*state, identity, "100|1100|2|0|65534|1|3|5|victim\n");
	assert_rows(*state, "SELECT space_id, enter_ns / 1000000000 FROM event", "1|3\n");
	assert_rows(*state, "SELECT process_id, from_ns / 1000000000 FROM probe_coverage ORDER BY from_ns", "1|2\n1|4\n");
	assert_rows(*state, "SELECT pid, cause, lost FROM gap", "55|6|1\n");
}

/* While the last programs are attached, the first ones tell of calls whose entries they missed. */
static void a_call_returns_before_the_recording_starts(void **state)
{
	struct event_process caller = process(EVENT_PROCESS_SEEN, 100, 0, 0);
	struct event_syscall early = {
		.header = header(EVENT_SYSCALL, sizeof(early), 100, 0), .args = {0x10000, 0x1000}, .number = 11};
	struct event_syscall late = early;
	struct desk desk;

	caller.start_ns = SECOND / 4;
	caller.since_ns = SECOND / 2;
	early.header.time_ns = SECOND / 2 + 10;
	late.header.time_ns = SECOND + 10;
	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, caller);
	ingest_record(desk.ingest, &early.header);
	ingest_record(desk.ingest, &late.header);
	tell_exit(&desk, 100, 0, 2);
	desk_close(&desk);
	assert_rows(*state, "SELECT enter_ns, enter_ns + duration_ns FROM event",
		    "250000000|500000010\n1000000000|1000000010\n");
}

static void tell_shared(struct desk *desk, uint32_t pid, uint64_t now, uint32_t number, int64_t result, uint64_t bytes)
{
	struct event_syscall record = {.header = header(EVENT_SYSCALL, sizeof(record), pid, now),
				       .enter_ns = now * SECOND,
				       .number = number,
				       .result = result,
				       .args = {0x7000}};

	record.args[number == 30 ? 3 : 1] = bytes;
	ingest_record(desk->ingest, &record.header);
}

/* The kernel side could not look at what a shmdt takes away: it is what was attached there, by an ancestor or a sharer
 * too, until another program begins. */
static void a_segment_is_as_large_as_when_it_was_attached(void **state)
{
	struct event_process sharer = process(EVENT_PROCESS_FORK, 102, 4, 4);
	struct event_process child = process(EVENT_PROCESS_FORK, 101, 3, 3);
	struct desk desk;

	child.parent_pid = sharer.parent_pid = 100;
	sharer.shares_memory = 1;
	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_SNAPSHOT, 100, 1, 2));
	tell_shared(&desk, 100, 2, 30, 0x7000, 0x3000);
	tell_process(&desk, child);
	tell_process(&desk, sharer);
	tell_shared(&desk, 101, 5, 67, 0, 0);
	tell_shared(&desk, 101, 6, 67, 0, 0); /* once */
	tell_shared(&desk, 102, 6, 67, 0, 0);
	tell_shared(&desk, 100, 7, 30, -22, 0x5000);
	tell_shared(&desk, 100, 8, 67, 0, 0x1000); /* it could look */
	tell_shared(&desk, 100, 9, 30, 0x7000, 0x2000);
	tell_process(&desk, process(EVENT_PROCESS_EXEC, 100, 1, 10));
	tell_shared(&desk, 100, 11, 67, 0, 0);
	desk_close(&desk);
	assert_rows(*state, "SELECT space_id, enter_ns / 1000000000, a1 FROM event WHERE kind = 10",
		    "2|5|12288\n2|6|0\n1|6|12288\n1|8|4096\n3|11|0\n");
}

static void a_child_finds_its_parent_later(void **state)
{
	struct event_process child = process(EVENT_PROCESS_FORK, 100, 3, 4);
	struct desk desk;

	child.parent_pid = 50;
	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, child);
	ingest_commit(desk.ingest, 4 * SECOND);
	tell_process(&desk, process(EVENT_PROCESS_SEEN, 50, 1, 2));
	desk_close(&desk);
	assert_rows(*state, spaces, "1|2|2|4|0\n2|0|4|2|0\n");
}

static void a_late_fork_is_not_tied_to_the_next_program(void **state)
{
	struct event_process child = process(EVENT_PROCESS_FORK, 100, 3, 3);
	struct desk desk;

	child.parent_pid = 50;
	child.header.time_ns = 6 * SECOND;
	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_SEEN, 50, 1, 2));
	tell_process(&desk, process(EVENT_PROCESS_EXEC, 50, 1, 5));
	tell_process(&desk, child);
	desk_close(&desk);
	assert_rows(*state, spaces, "1|0|4|2|5\n1|0|1|5|0\n2|0|4|3|0\n");
}

static void a_pid_is_used_again(void **state)
{
	struct desk desk;

	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 1, 1));
	tell_coverage(&desk, 100, 1, 2);
	/* Its exit was lost. */
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 5, 5));
	tell_coverage(&desk, 100, 1, INT64_MAX / SECOND); /* the first one's, still, which never could be probed */
	tell_munmap(&desk, 100, 6);
	tell_exit(&desk, 100, 5, 7);
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 8, 8));
	ingest_commit(desk.ingest, 8 * SECOND);
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 9, 9));
	tell_exit(&desk, 100, 8, 9); /* which had to wait for room */
	assert_lost(&desk, 0);
	desk_close(&desk);
	assert_rows(*state, identity,
		    "100|1100|2|0|0|1|0|5|victim\n100|1100|2|0|65534|5|7|5|victim\n100|1100|2|0|65534|8|9|5|"
		    "victim\n100|1100|2|0|0|9|0|5|victim\n");
	assert_rows(*state, spaces, "1|0|2|1|5\n2|0|2|5|7\n3|0|2|8|9\n4|0|2|9|0\n");
	assert_rows(*state, "SELECT space_id FROM event", "2\n");
	assert_rows(*state, "SELECT process_id FROM probe_coverage", "1\n1\n");
}

static void an_announcement_that_is_told_twice_is_one(void **state)
{
	struct desk desk;

	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 1, 1));
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 1, 1));
	tell_process(&desk, process(EVENT_PROCESS_EXEC, 100, 1, 2));
	tell_process(&desk, process(EVENT_PROCESS_EXEC, 100, 1, 2));
	desk_close(&desk);
	assert_rows(*state, spaces, "1|0|2|1|2\n1|0|1|2|0\n");
}

static void tell_mapping(struct desk *desk, uint32_t pid, uint64_t now)
{
	const struct event_mapping record = {.header = header(EVENT_MAPPING, sizeof(record), pid, now),
					     .start = 0x10000,
					     .end = 0x11000,
					     .reason = EVENT_MAPPING_SNAPSHOT};

	ingest_record(desk->ingest, &record.header);
}

/* The recorder looks at a process while that begins another program. */
static void a_mapping_of_the_old_program_is_not_the_new_ones(void **state)
{
	struct desk desk;

	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_SNAPSHOT, 100, 1, 2));
	tell_mapping(&desk, 100, 3);
	tell_process(&desk, process(EVENT_PROCESS_EXEC, 100, 1, 5));
	tell_mapping(&desk, 100, 4);
	tell_mapping(&desk, 100, 6);
	assert_lost(&desk, 0);
	desk_close(&desk);
	assert_rows(*state, "SELECT space_id, enter_ns / 1000000000 FROM event", "1|3\n2|6\n");
}

static void users_are_those_of_birth_and_of_death(void **state)
{
	struct event_process program = process(EVENT_PROCESS_EXEC, 100, 1, 3);
	struct desk desk;

	program.uid = 33;
	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_SNAPSHOT, 100, 1, 2));
	tell_process(&desk, program);
	ingest_commit(desk.ingest, 3 * SECOND);
	assert_rows(*state, "SELECT uid, last_uid FROM process", "0|33\n");
	tell_signal(&desk, 100, 4); /* while its core is written nobody has told its end */
	ingest_commit(desk.ingest, 4 * SECOND);
	assert_rows(*state, "SELECT uid, last_uid FROM process", "0|1000\n");
	tell_exit(&desk, 100, 1, 5);
	desk_close(&desk);
	assert_rows(*state, "SELECT uid, last_uid FROM process", "0|65534\n");
}

static void deaths_of_two_processes_mix(void **state)
{
	struct desk desk;

	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 1, 1));
	tell_process(&desk, process(EVENT_PROCESS_FORK, 200, 1, 1));
	tell_signal(&desk, 100, 2);
	tell_signal(&desk, 200, 2);
	tell_instance(&desk, 100, 0x1000, 2);
	tell_instance(&desk, 200, 0x2000, 2);
	assert_lost(&desk, 0);
	desk_close(&desk);
	assert_rows(*state,
		    "SELECT signal.process_id, function FROM return_instance JOIN signal ON signal.id = signal_id",
		    "1|4096\n2|8192\n");
}

static void a_path_comes_after_what_names_the_file(void **state)
{
	struct event_process program = process(EVENT_PROCESS_EXEC, 100, 1, 2);
	struct event_file file = {
		.header = header(EVENT_FILE, sizeof(file), 100, 3),
		.file = {.inode = 77, .device = 8 << 20 | 1},
		.used = 5,
		.components = "a\0usr",
	};
	struct desk desk;

	program.executable = file.file;
	file.used = 6;
	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, program);
	ingest_commit(desk.ingest, 2 * SECOND);
	ingest_record(desk.ingest, &file.header);
	program.since_ns = program.header.time_ns = 4 * SECOND;
	tell_process(&desk, program);
	desk_close(&desk);
	assert_rows(*state, "SELECT space.id, path FROM space JOIN file ON file.id = executable_file_id ORDER BY 1",
		    "1|/usr/a\n2|/usr/a\n");
	assert_rows(*state, "SELECT count(*) FROM file", "1\n");
}

static int refuse(void *context)
{
	(void)context;
	return 1;
}

/* The next commit takes everything back. */
static void roll_back(struct desk *desk, uint64_t now)
{
	sqlite3_commit_hook(desk->writer->connection.db, refuse, NULL);
	ingest_commit(desk->ingest, now * SECOND);
	sqlite3_commit_hook(desk->writer->connection.db, NULL, NULL);
	error_destroy(ingest_failure(desk->ingest));
}

static void a_rollback_takes_no_identity(void **state)
{
	struct desk desk;

	desk_open(&desk, ((struct place *)*state)->path);
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 1, 1));
	tell_process(&desk, process(EVENT_PROCESS_FORK, 200, 1, 1));
	tell_coverage(&desk, 0, 0, 1);
	tell_coverage(&desk, 100, 1, 1);
	tell_exit(&desk, 200, 1, 2);
	roll_back(&desk, 2);
	ingest_commit(desk.ingest, 3 * SECOND);
	tell_process(&desk, process(EVENT_PROCESS_EXEC, 100, 1, 4));
	tell_exit(&desk, 100, 1, 5);
	roll_back(&desk, 5);
	tell_process(&desk, process(EVENT_PROCESS_FORK, 100, 6, 6));
	roll_back(&desk, 6);
	desk_close(&desk);
	assert_rows(
		*state,
		"SELECT pid, start_ns / 1000000000, exit_ns / 1000000000, last_uid FROM process ORDER BY start_ns, pid",
		"100|1|5|65534\n200|1|2|65534\n100|6|0|0\n");
	/* The space of the first program ended with the second one's beginning, which a rollback took: then where the
	 * process ends, and no later. */
	assert_rows(*state, "SELECT count(*) FROM space WHERE to_ns = 0", "1\n");
	assert_rows(*state, "SELECT count(*) FROM space WHERE process_id NOT IN (SELECT id FROM process)", "0\n");
	assert_rows(*state,
		    "SELECT process_id IN (0, (SELECT id FROM process WHERE pid = 100 AND start_ns < 2000000000)) "
		    "FROM probe_coverage",
		    "1\n1\n");
}

static void many_processes_end(void **state)
{
	struct desk desk;

	desk_open(&desk, ((struct place *)*state)->path);
	for (uint32_t i = 0; i < 3000; i++) {
		tell_process(&desk, process(EVENT_PROCESS_FORK, 100 + i, 1, 1));
		tell_exit(&desk, 100 + i, 1, 2);
		if (i % 100 == 0)
			ingest_commit(desk.ingest, 2 * SECOND);
	}
	tell_munmap(&desk, 3099, 3);
	assert_lost(&desk, 0);
	desk_close(&desk);
	assert_rows(*state, "SELECT count(*), min(exit_ns), max(exit_ns) FROM process", "3000|2000000000|2000000000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(coverage_waits_for_the_announcement, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(what_comes_after_the_exit_makes_no_process, place_setup,
						place_teardown),
		cmocka_unit_test_setup_teardown(a_call_returns_before_the_recording_starts, place_setup,
						place_teardown),
		cmocka_unit_test_setup_teardown(a_segment_is_as_large_as_when_it_was_attached, place_setup,
						place_teardown),
		cmocka_unit_test_setup_teardown(a_child_finds_its_parent_later, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_late_fork_is_not_tied_to_the_next_program, place_setup,
						place_teardown),
		cmocka_unit_test_setup_teardown(a_pid_is_used_again, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(an_announcement_that_is_told_twice_is_one, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_mapping_of_the_old_program_is_not_the_new_ones, place_setup,
						place_teardown),
		cmocka_unit_test_setup_teardown(users_are_those_of_birth_and_of_death, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(deaths_of_two_processes_mix, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_path_comes_after_what_names_the_file, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_rollback_takes_no_identity, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(many_processes_end, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
