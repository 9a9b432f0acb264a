/* SPDX-License-Identifier: MIT */
/* Files that are missing, foreign, newer, torn or read-only; and SQL that would write. */
#include "schema/migrate.h"
#include "schema/reader_history.h"
#include "test_store_support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

static void write_file(const char *path, const void *data, size_t size)
{
	cleanup_file FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
}

/* Freed by the caller. */
static char *read_whole(const char *path, size_t *ret_size)
{
	cleanup_file FILE *file = fopen(path, "r");
	struct stat status;
	char *data;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	*ret_size = (size_t)status.st_size;
	data = malloc(*ret_size + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, *ret_size, file), *ret_size);
	return data;
}

/* Overwrites the four bytes at `offset` of the file, highest first. */
static void patch_word(const char *path, long offset, uint32_t value)
{
	const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
				       (unsigned char)(value >> 8), (unsigned char)value};
	cleanup_file FILE *file = fopen(path, "r+");

	assert_non_null(file);
	assert_int_equal(fseek(file, offset, SEEK_SET), 0);
	assert_int_equal(fwrite(bytes, 1, 4, file), 4);
}

static int count_files(const char *directory)
{
	DIR *stream = opendir(directory);
	int count = 0;

	assert_non_null(stream);
	while (readdir(stream))
		count++;
	closedir(stream);
	return count - 2;
}

/* Both ways of opening give that error, and leave the directory as it was. */
static void assert_refused(const struct place *place, enum error_code code, const char *text)
{
	int files = count_files(place->directory);
	struct store_writer *writer = NULL;
	struct store_reader *reader = NULL;
	size_t size, size_after;
	cleanup_free char *before = read_whole(place->path, &size);
	cleanup_free char *after = NULL;

	assert_error(store_writer_create(place->path, &writer), code, text);
	assert_error(store_reader_create(place->path, &reader), code, text);
	after = read_whole(place->path, &size_after);
	assert_int_equal(size, size_after);
	assert_memory_equal(before, after, size);
	assert_int_equal(count_files(place->directory), files);
}

static void make_store(const char *path)
{
	struct memory_event event = {.space_id = 1, .kind = MEMORY_MMAP, .result = 0x7f0000000000, .args = {0, 4096}};
	struct store_writer *writer = open_writer(path);

	for (int i = 0; i < 20000; i++)
		add_event(writer, &event);
	store_writer_destroy(writer);
}

static void missing_files_stay_missing(void **state)
{
	const struct place *place = *state;
	struct store_reader *reader = NULL;
	struct store_writer *writer = NULL;

	assert_error(store_reader_create(place->path, &reader), ERROR_NOT_FOUND, place->path);
	assert_int_equal(access(place->path, F_OK), -1);
	assert_error(store_writer_create("/nonexistent/directory/store.db", &writer), ERROR_NOT_FOUND, "/nonexistent");
	assert_error(store_reader_create(place->directory, &reader), ERROR_INVALID, "not a regular file");
	assert_error(store_writer_create(place->directory, &writer), ERROR_INVALID, "not a regular file");
	store_writer_destroy(NULL);
	store_reader_destroy(NULL);
}

static void new_files_are_private(void **state)
{
	const struct place *place = *state;
	mode_t mask = umask(0);
	struct stat status;

	store_writer_destroy(open_writer(place->path));
	umask(mask);
	assert_int_equal(stat(place->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void empty_files_are_new(void **state)
{
	const struct place *place = *state;
	struct store_reader *reader = NULL;

	write_file(place->path, "", 0);
	assert_error(store_reader_create(place->path, &reader), ERROR_INVALID, "empty file");
	store_writer_destroy(open_writer(place->path));
	reader = open_reader(place->path);
	assert_query(reader, "PRAGMA user_version", "9\n");
	assert_query(reader, "PRAGMA application_id", "1131377253\n");
	assert_int_equal(store_newest_version(), 9);
	store_reader_destroy(reader);
}

static void other_files_are_left_alone(void **state)
{
	static char garbage[9000] = "not a database, but long enough to be one";
	const struct place *place = *state;

	write_file(place->path, "x", 1);
	assert_refused(place, ERROR_INVALID, place->path);
	write_file(place->path, garbage, sizeof(garbage));
	assert_refused(place, ERROR_INVALID, place->path);

	unlink(place->path);
	make_store(place->path);
	patch_word(place->path, 68, 0x12345678);
	assert_refused(place, ERROR_INVALID, "not one of corelate");
	patch_word(place->path, 68, STORE_APPLICATION_ID);
	patch_word(place->path, 60, 1000);
	assert_refused(place, ERROR_UNSUPPORTED, "newer corelate");
	patch_word(place->path, 60, UINT32_MAX);
	assert_refused(place, ERROR_INVALID, "impossible version");
}

static void a_writer_has_the_store_alone(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path), *second = NULL;
	struct store_reader *reader;

	assert_error(store_writer_create(place->path, &second), ERROR_SYSTEM, "another recorder is writing to");
	reader = open_reader(place->path);
	store_reader_destroy(reader);
	store_writer_destroy(writer);
	store_writer_destroy(open_writer(place->path));
}

static void odd_names_are_names(void **state)
{
	static const char *const names[] = {":memory:", "a?mode=memory&x#y%41", "file:x", " '\";"};
	const struct place *place = *state;
	cleanup_free char *old = getcwd(NULL, 0);

	assert_int_equal(chdir(place->directory), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		static const char *const suffixes[] = {"", "-lock", "-wal", "-shm"};

		store_writer_destroy(open_writer(names[i]));
		store_reader_destroy(open_reader(names[i]));
		for (size_t n = 0; n < sizeof(suffixes) / sizeof(suffixes[0]); n++) {
			cleanup_free char *path = NULL;

			assert_true(asprintf(&path, "%s%s", names[i], suffixes[n]) > 0);
			assert_int_equal(unlink(path), 0);
		}
	}
	assert_int_equal(count_files("."), 0);
	assert_int_equal(chdir(old), 0);
}

/* Reads all there is; what comes may be an error, but no crash. */
static void read_everything(const char *path)
{
	const struct history_query query = {
		.space_id = 1, .end = UINT64_MAX, .until_ns = UINT64_MAX, .limit = SIZE_MAX};
	struct store_reader *reader = NULL;
	struct memory_event *events = NULL;
	struct error *err = store_reader_create(path, &reader);
	size_t count = 0;
	uint64_t total;
	bool truncated;

	if (err) {
		assert_non_null(strstr(err->message, path));
		error_destroy(err);
		return;
	}
	error_destroy(store_reader_history(reader, &query, &events, &count, &truncated));
	free(events);
	error_destroy(store_reader_count_events(reader, 1, &total));
	store_reader_destroy(reader);
}

static void torn_files_give_errors(void **state)
{
	const struct place *place = *state;
	cleanup_free char *good = NULL;
	uint64_t seed = 88172645463325252ULL;
	size_t size;

	make_store(place->path);
	good = read_whole(place->path, &size);
	for (int round = 0; round < 150; round++) {
		cleanup_free char *bad = malloc(size);
		size_t length = size;

		assert_non_null(bad);
		memcpy(bad, good, size);
		for (int i = 0; i < 200; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			bad[100 + seed % (size - 100)] = (char)(seed >> 56);
		}
		if (round % 3 == 0)
			length = seed % size;
		write_file(place->path, bad, length);
		read_everything(place->path);
	}
}

static void a_changed_schema_is_refused(void **state)
{
	static const char column[] = "duration_ns INTEGER";
	const struct place *place = *state;
	cleanup_free char *data = NULL;
	char *found;
	size_t size;

	make_store(place->path);
	data = read_whole(place->path, &size);
	found = memmem(data, size, column, sizeof(column) - 1);
	assert_non_null(found);
	*found = 'D';
	write_file(place->path, data, size);
	{
		struct store_reader *reader = NULL;
		struct store_writer *writer = NULL;

		assert_error(store_reader_create(place->path, &reader), ERROR_INVALID, "\"event\" is not that of");
		assert_error(store_writer_create(place->path, &writer), ERROR_INVALID, "\"event\" is not that of");
	}
}

/* Runs `body` as a user who owns nothing; false when this test may not become one. */
static bool as_nobody(void (*body)(const struct place *place), const struct place *place)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(77);
		body(place);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		return false;
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

/* In a child: its status tells, because a failed assertion would go on in this program. */
static void expect(bool truth, int status)
{
	if (!truth)
		_exit(status);
}

static void read_only_reader(const struct place *place)
{
	struct store_reader *reader = NULL;
	uint64_t count = 0;

	expect(!store_reader_create(place->path, &reader), 1);
	expect(!store_reader_count_events(reader, 1, &count) && count == 20000, 2);
	store_reader_destroy(reader);
}

static void read_only_writer(const struct place *place)
{
	struct store_writer *writer = NULL;
	struct error *err = store_writer_create(place->path, &writer);

	expect(err && err->code == ERROR_PERMISSION, 3);
	error_destroy(err);
}

static void unreadable_reader(const struct place *place)
{
	struct store_reader *reader = NULL;
	struct error *err = store_reader_create(place->path, &reader);

	expect(err && err->code == ERROR_PERMISSION && strstr(err->message, place->path), 4);
	error_destroy(err);
}

/* Either what is in the log, too, or a word about it. */
static void logged_reader(const struct place *place)
{
	struct store_reader *reader = NULL;
	struct error *err = store_reader_create(place->path, &reader);
	uint64_t count = 0;

	if (err) {
		expect(strstr(err->message, "the log beside the file") != NULL, 5);
		error_destroy(err);
		return;
	}
	expect(!store_reader_count_events(reader, 1, &count) && count == 20001, 6);
	store_reader_destroy(reader);
}

static void read_only_places_can_be_read(void **state)
{
	struct memory_event event = {.space_id = 1, .kind = MEMORY_MMAP, .result = 0x7f0000000000, .args = {0, 4096}};
	const struct place *place = *state;
	struct store_writer *writer;
	uint64_t discarded;
	bool ran;
	char shm[96];

	make_store(place->path);
	assert_int_equal(chmod(place->path, 0444), 0);
	assert_int_equal(chmod(place->directory, 0555), 0);
	ran = as_nobody(read_only_reader, place) && as_nobody(read_only_writer, place);
	assert_int_equal(chmod(place->directory, 0700), 0);
	assert_int_equal(chmod(place->path, 0600), 0);
	if (!ran)
		skip();

	writer = open_writer(place->path);
	add_event(writer, &event);
	assert_no_error(store_writer_commit(writer, 1, 1, &discarded));
	assert_int_equal(chmod(place->path, 0444), 0);
	snprintf(shm, sizeof(shm), "%s-shm", place->path);
	assert_int_equal(chmod(shm, 0000), 0);
	snprintf(shm, sizeof(shm), "%s-wal", place->path);
	assert_int_equal(chmod(shm, 0444), 0);
	assert_int_equal(chmod(place->directory, 0555), 0);
	as_nobody(logged_reader, place);
	assert_int_equal(chmod(place->directory, 0700), 0);
	store_writer_destroy(writer);

	if (geteuid() == 0) {
		assert_int_equal(chmod(place->directory, 0755), 0);
		assert_int_equal(chmod(place->path, 0600), 0);
		as_nobody(unreadable_reader, place);
	}
}

static bool stop_at_once(void *context, int columns, const char *const *names, const char *const *values)
{
	(void)columns;
	(void)names;
	(void)values;
	++*(int *)context;
	return false;
}

static void queries_only_read(void **state)
{
	static const char *const refused[] = {
		"DELETE FROM event",
		"UPDATE event SET tid = 1",
		"UPDATE sqlite_master SET sql = ''",
		"INSERT INTO gap VALUES (1, 1, 1, 1, 1, 1, 1)",
		"CREATE TABLE x (y)",
		"CREATE TEMP TABLE x (y)",
		"DROP TABLE event",
		"ATTACH '/tmp/corelate-attached.db' AS other",
		"ATTACH ':memory:' AS other",
		"VACUUM",
		"VACUUM INTO '/tmp/corelate-vacuumed.db'",
		"REINDEX",
		"ANALYZE",
		"BEGIN",
		"COMMIT",
		"SAVEPOINT x",
		"PRAGMA query_only = OFF",
		"PRAGMA user_version = 7",
		"PRAGMA journal_mode = DELETE",
		"PRAGMA wal_checkpoint",
		"PRAGMA optimize",
		"PRAGMA writable_schema = ON",
		"SELECT load_extension('x')",
		"EXPLAIN DELETE FROM event",
		"SELECT 1; SELECT 2",
		"SELECT 1; DELETE FROM event",
		"SELECT 1; nonsense",
		"nonsense",
		"SELECT nothing FROM event",
		"",
		" -- nothing",
		";",
	};
	const struct place *place = *state;
	struct store_reader *reader;
	int rows = 0;

	make_store(place->path);
	reader = open_reader(place->path);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct error *err = store_reader_query(reader, refused[i], stop_at_once, &rows);

		if (!err || err->code != ERROR_INVALID)
			fail_msg("%s: %s", refused[i], err ? err->message : "not refused");
		error_destroy(err);
	}
	assert_int_equal(rows, 0);
	assert_int_equal(access("/tmp/corelate-attached.db", F_OK), -1);
	assert_int_equal(access("/tmp/corelate-vacuumed.db", F_OK), -1);

	assert_query(reader, "; /* a */ SELECT count(*), NULL, x'00ff', x'', 1.5 FROM event ; -- b",
		     "20000|-|00ff||1.5\n");
	assert_query(reader,
		     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
		     "1\n2\n3\n");
	assert_query(reader, "SELECT name FROM pragma_table_info('gap') WHERE cid = 0", "id\n");
	assert_query(reader, "SELECT 1 WHERE 0", "");
	assert_no_error(store_reader_query(reader, "SELECT * FROM event", stop_at_once, &rows));
	assert_int_equal(rows, 1);
	store_reader_destroy(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(missing_files_stay_missing, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(new_files_are_private, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(empty_files_are_new, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(other_files_are_left_alone, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_writer_has_the_store_alone, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(odd_names_are_names, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(torn_files_give_errors, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_changed_schema_is_refused, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(read_only_places_can_be_read, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(queries_only_read, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
