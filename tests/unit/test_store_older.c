/* SPDX-License-Identifier: MIT */
/* A database of each older version is read as one of today, and stays byte for byte what it was. */
#include "schema/migrate.h"
#include "schema/reader.h"
#include "schema/reader_deaths.h"
#include "schema/reader_history.h"
#include "schema/reader_maps.h"
#include "schema/record_death.h"
#include "schema/record_memory.h"
#include "schema/record_process.h"
#include "schema/sql_embedded.h"
#include "schema/sql_query.h"
#include "schema/writer.h"
#include "test_store_support.h"

#include <sqlite3.h>

static void execute(sqlite3 *db, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%.60s: %s", sql, message);
}

/* What the recorder of that version would have left. The connection stays open where a log is to be beside the file. */
static sqlite3 *make_version(const char *path, int version, bool logged)
{
	sqlite3 *db;
	char pragma[128];

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < version; i++)
		execute(db, store_migrations[i].sql);
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d; PRAGMA user_version = %d", STORE_APPLICATION_ID,
		 version);
	execute(db, pragma);
	execute(db, logged ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE");
	execute(db,
		"INSERT INTO recording VALUES (1, 'boot', 1, 99, 99, 5, 1, 3, 3, 0, '6.1', '', '0.0.1');"
		"INSERT INTO process (id, recording_id, pid, namespace_pid, parent_pid, uid, start_ns, first_seen_ns, "
		"exit_ns, exit_status, cgroup_id, comm) VALUES (1, 1, 42, 42, 1, 33, 1, 1, 90, 139, 0, 'old');"
		"INSERT INTO file VALUES (1, 8, 1, 7, '/lib/old.so');"
		"INSERT INTO space VALUES (1, 1, 0, 1, 1, 90, 10, 11, 12, 13, 'old', 1);"
		"INSERT INTO event (space_id, tid, kind, enter_ns, duration_ns, ip, sp, top_word, result, a0, a1, "
		"a2, a3, "
		"a4, a5, file_id) VALUES (1, 42, 2, 10, 1, 5, 6, 7, 65536, 0, 8192, 5, 2, 3, 0, 1),"
		"(1, 42, 3, 20, 1, 5, 6, 7, 0, 65536, 4096, 0, 0, 0, 0, 0);"
		"INSERT INTO signal SELECT 1, 1, 1, 42, 42, 80, 11, 1, 0, 65536, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, "
		"0, 0, "
		"0, 0, 0, 0, 0, 0, 0, 5, 0, 6, 'old', '/';"
		"INSERT INTO return_instance (signal_id, tid, depth, function, stack, return_address, chained, "
		"device_major, device_minor, inode, offset) VALUES (1, 42, 0, 1, 2, 3, 0, 8, 1, 7, 16);");
	if (logged)
		return db;
	sqlite3_close(db);
	return NULL;
}

static char *read_file(const char *path, size_t *ret_size)
{
	cleanup_file FILE *file = fopen(path, "re");
	char *bytes = malloc(4 << 20);

	assert_non_null(file);
	assert_non_null(bytes);
	*ret_size = fread(bytes, 1, 4 << 20, file);
	return bytes;
}

static void check_answers(const char *path)
{
	const struct history_query query = {
		.space_id = 1, .start = 65536, .end = 65537, .until_ns = UINT64_MAX, .limit = 10};
	struct store_reader *reader = open_reader(path);
	struct return_instance *instances;
	struct memory_event *events;
	struct exit_state *exits;
	struct process process;
	struct space *spaces;
	char version[16];
	size_t count;
	bool truncated;

	assert_no_error(store_reader_history(reader, &query, &events, &count, &truncated));
	assert_int_equal(count, 2);
	assert_no_error(store_reader_process(reader, 1, &process));
	assert_int_equal(process.last_uid, 33);
	assert_int_equal(events[0].stack_id, 0);
	free(events);
	assert_no_error(store_reader_find_spaces(reader, 10, 11, 12, 13, &spaces, &count));
	assert_int_equal(count, 1);
	free(spaces);
	assert_no_error(store_reader_return_instances(reader, 1, &instances, &count));
	assert_int_equal(count, 1);
	free(instances);
	assert_no_error(store_reader_exit_states(reader, 0, 10, &exits, &count));
	assert_int_equal(count, 0);
	free(exits);
	assert_no_error(store_reader_maps_at(reader, 1, 50, &events, &count));
	assert_int_equal(count, 1);
	assert_int_equal(events[0].args[0], 65536 + 4096);
	free(events);
	snprintf(version, sizeof(version), "%d\n", store_newest_version());
	assert_query(reader, "PRAGMA user_version", version);
	assert_query(reader, "SELECT executable, signal, pending_uretprobes FROM v_crash", "/lib/old.so|SIGSEGV|1\n");
	assert_query(reader, "SELECT made_event, gone_event, \"end\" - start FROM mapping_life ORDER BY start",
		     "1|2|4096\n1|-|4096\n");
	assert_error(store_reader_query(reader, "DELETE FROM event", text_row, NULL), ERROR_INVALID, "only statements");
	store_reader_destroy(reader);
}

static void check_version(const char *path, int version, bool logged)
{
	sqlite3 *writer = make_version(path, version, logged);
	size_t size, size_after;
	char *before = read_file(path, &size), *after;

	check_answers(path);
	after = read_file(path, &size_after);
	assert_int_equal(size, size_after);
	assert_memory_equal(before, after, size);
	free(before);
	free(after);
	sqlite3_close(writer);
	unlink(path);
}

static void every_version_is_read(void **state)
{
	const struct place *place = *state;

	for (int version = 1; version <= store_newest_version(); version++) {
		check_version(place->path, version, false);
		check_version(place->path, version, true);
	}
}

static void a_writer_brings_it_up(void **state)
{
	const struct place *place = *state;

	for (int version = 1; version < store_newest_version(); version++) {
		make_version(place->path, version, false);
		store_writer_destroy(open_writer(place->path));
		check_answers(place->path);
		unlink(place->path);
	}
}

/* Its number alone makes no version of it. */
static void what_lies_about_its_version_is_refused(void **state)
{
	const struct place *place = *state;
	struct store_reader *reader = NULL;
	sqlite3 *db;

	make_version(place->path, 2, false);
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	execute(db, "PRAGMA user_version = 4");
	assert_error(store_reader_create(place->path, &reader), ERROR_INVALID, "not that of a corelate store");
	execute(db, "PRAGMA user_version = 1");
	assert_error(store_reader_create(place->path, &reader), ERROR_SYSTEM, "already exists");
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_version_is_read, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_writer_brings_it_up, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(what_lies_about_its_version_is_refused, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
