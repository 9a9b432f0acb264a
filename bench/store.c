/* SPDX-License-Identifier: MIT */
/*
 * How fast rows are stored. Reads the memory events of a recording into memory and writes them, in rounds that take
 * turns,
 *
 *     bare     with one prepared statement into a table of the same columns,
 *     store    through the store's writer, which also summarises blocks of events,
 *     ingest   through the recorder's ingest, as records of the kernel side.
 *
 * All three open the file in the same way and commit as often.
 *
 *     bench-store DATABASE DIRECTORY ROUNDS
 *
 * Prints one line a way: its name, rows a second in each round, and at last the bytes that a row takes in the file.
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/rows.h"
#include "bpf/event.h"
#include "collector/ingest.h"
#include "schema/record_memory.h"
#include "schema/writer.h"

#define MOST_ROWS 1000000
#define COMMIT_ROWS 20000
#define MOST_ROUNDS 32

struct rows {
	struct memory_event *events;
	struct event_syscall *records;
	size_t count;
};

static const uint32_t syscall_numbers[] = {
	[MEMORY_MMAP] = SYS_mmap,	  [MEMORY_MUNMAP] = SYS_munmap,	  [MEMORY_MREMAP] = SYS_mremap,
	[MEMORY_MPROTECT] = SYS_mprotect, [MEMORY_MADVISE] = SYS_madvise, [MEMORY_BRK] = SYS_brk,
};

static void make_record(const struct memory_event *event, struct event_syscall *ret_record)
{
	*ret_record = (struct event_syscall){
		.header = {.type = EVENT_SYSCALL, .size = sizeof(*ret_record), .time_ns = event->exit_ns, .pid = 4711},
		.enter_ns = event->enter_ns,
		.result = event->result,
		.ip = event->ip,
		.sp = event->sp,
		.top_word = event->top_word,
		.number = syscall_numbers[event->kind],
	};
	ret_record->header.tid = event->tid;
	memcpy(ret_record->args, event->args, sizeof(ret_record->args));
}

/* The order of the columns is that of schema/migrations/001-tables.sql. Anonymous memory only: a record names a file by
 * an identity that the store does not keep. */
static void read_rows(const char *path, struct rows *ret_rows)
{
	sqlite3 *db = open_database(path);
	sqlite3_stmt *statement = prepare(db, "SELECT * FROM event WHERE kind IN (2, 3, 4, 5, 7, 8) AND file_id = 0");

	ret_rows->events = calloc(MOST_ROWS, sizeof(*ret_rows->events));
	ret_rows->records = calloc(MOST_ROWS, sizeof(*ret_rows->records));
	ret_rows->count = 0;
	if (!ret_rows->events || !ret_rows->records)
		require(&error_no_memory);
	while (ret_rows->count < MOST_ROWS && sqlite3_step(statement) == SQLITE_ROW) {
		struct memory_event *event = &ret_rows->events[ret_rows->count];

		event->space_id = sqlite3_column_int64(statement, 1);
		event->tid = (uint32_t)sqlite3_column_int64(statement, 2);
		event->kind = (enum memory_kind)sqlite3_column_int(statement, 3);
		event->enter_ns = (uint64_t)sqlite3_column_int64(statement, 4);
		event->exit_ns = event->enter_ns + (uint64_t)sqlite3_column_int64(statement, 5);
		event->ip = (uint64_t)sqlite3_column_int64(statement, 6);
		event->sp = (uint64_t)sqlite3_column_int64(statement, 7);
		event->top_word = (uint64_t)sqlite3_column_int64(statement, 8);
		event->result = sqlite3_column_int64(statement, 9);
		for (int i = 0; i < 6; i++)
			event->args[i] = (uint64_t)sqlite3_column_int64(statement, 10 + i);
		make_record(event, &ret_rows->records[ret_rows->count++]);
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	if (!ret_rows->count) {
		fprintf(stderr, "bench: %s holds no events\n", path);
		exit(1);
	}
}

static void commit(struct store_writer *writer)
{
	uint64_t discarded;

	require(store_writer_commit(writer, 1, 0, &discarded));
}

static void write_through_store(const char *path, const struct rows *rows)
{
	struct store_writer *writer;
	int64_t id;

	require(store_writer_create(path, &writer));
	for (size_t i = 0; i < rows->count; i++) {
		require(store_writer_add_memory_event(writer, &rows->events[i], &id));
		if (i % COMMIT_ROWS == COMMIT_ROWS - 1)
			commit(writer);
	}
	commit(writer);
	store_writer_destroy(writer);
}

static void write_through_ingest(const char *path, const struct rows *rows)
{
	struct event_process process = {
		.header = {.type = EVENT_PROCESS, .size = sizeof(process), .pid = 4711, .tid = 4711},
		.start_ns = 1,
		.reason = EVENT_PROCESS_SEEN,
	};
	const struct ingest_options options = {.recording_id = 1, .started_ns = 1};
	struct store_writer *writer;
	struct ingest *ingest;

	require(store_writer_create(path, &writer));
	require(ingest_create(writer, &options, &ingest));
	ingest_record(ingest, &process.header);
	for (size_t i = 0; i < rows->count; i++) {
		ingest_record(ingest, &rows->records[i].header);
		if (i % COMMIT_ROWS == COMMIT_ROWS - 1)
			ingest_commit(ingest, 0);
	}
	ingest_commit(ingest, 0);
	require(ingest_failure(ingest));
	ingest_destroy(ingest);
	store_writer_destroy(writer);
}

static void write_bare(const char *path, const struct rows *rows)
{
	sqlite3 *db = open_database(path);
	sqlite3_stmt *insert;

	/* As the store opens its own, see open.c. */
	execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;"
		    "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384;"
		    "CREATE TABLE event (id INTEGER PRIMARY KEY, space_id INTEGER NOT NULL, tid INTEGER NOT NULL,"
		    "kind INTEGER NOT NULL, enter_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL,"
		    "ip INTEGER NOT NULL, sp INTEGER NOT NULL, top_word INTEGER NOT NULL, result INTEGER NOT NULL,"
		    "a0 INTEGER NOT NULL, a1 INTEGER NOT NULL, a2 INTEGER NOT NULL, a3 INTEGER NOT NULL,"
		    "a4 INTEGER NOT NULL, a5 INTEGER NOT NULL, file_id INTEGER NOT NULL) STRICT");
	insert = prepare(db, INSERT_EVENT);
	execute(db, "BEGIN IMMEDIATE");
	for (size_t i = 0; i < rows->count; i++) {
		const struct memory_event *event = &rows->events[i];

		sqlite3_bind_int64(insert, 2, event->space_id);
		sqlite3_bind_int64(insert, 3, event->tid);
		sqlite3_bind_int64(insert, 4, event->kind);
		sqlite3_bind_int64(insert, 5, (int64_t)event->enter_ns);
		sqlite3_bind_int64(insert, 6, (int64_t)(event->exit_ns - event->enter_ns));
		sqlite3_bind_int64(insert, 7, (int64_t)event->ip);
		sqlite3_bind_int64(insert, 8, (int64_t)event->sp);
		sqlite3_bind_int64(insert, 9, (int64_t)event->top_word);
		sqlite3_bind_int64(insert, 10, event->result);
		for (int j = 0; j < 6; j++)
			sqlite3_bind_int64(insert, 11 + j, (int64_t)event->args[j]);
		sqlite3_bind_int64(insert, 17, event->file_id);
		sqlite3_step(insert);
		require_sql(db, sqlite3_reset(insert), INSERT_EVENT);
		if (i % COMMIT_ROWS == COMMIT_ROWS - 1)
			execute(db, "COMMIT; BEGIN IMMEDIATE");
	}
	execute(db, "COMMIT");
	sqlite3_finalize(insert);
	sqlite3_close(db);
}

static const struct way {
	const char *name;
	void (*write)(const char *path, const struct rows *rows);
} ways[] = {
	{"bare", write_bare},
	{"store", write_through_store},
	{"ingest", write_through_ingest},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void remove_database(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
	char name[4096];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

int main(int argc, char **argv)
{
	static double rates[WAYS][MOST_ROUNDS];
	double bytes[WAYS] = {0};
	char path[2048];
	struct rows rows;
	struct stat status;
	int rounds;

	if (argc != 4 || (rounds = atoi(argv[3])) < 1 || rounds > MOST_ROUNDS) {
		fputs("usage: bench-store DATABASE DIRECTORY ROUNDS\n", stderr);
		return 2;
	}
	snprintf(path, sizeof(path), "%s/written.db", argv[2]);
	read_rows(argv[1], &rows);
	for (int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < WAYS; i++) {
			double started;

			remove_database(path);
			started = now_seconds();
			ways[i].write(path, &rows);
			rates[i][round] = (double)rows.count / (now_seconds() - started);
			if (stat(path, &status) == 0)
				bytes[i] = (double)status.st_size / (double)rows.count;
		}
	}
	remove_database(path);
	for (size_t i = 0; i < WAYS; i++) {
		printf("%s", ways[i].name);
		for (int round = 0; round < rounds; round++)
			printf(" %.0f", rates[i][round]);
		printf(" %.1f\n", bytes[i]);
	}
	free(rows.events);
	free(rows.records);
	return 0;
}
