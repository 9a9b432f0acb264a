/* SPDX-License-Identifier: MIT */
/*
 * The writer's life: the lock, the open transaction that a commit ends, and the block being filled. Its rows are in
 * writer_rows.c.
 */
#include "schema/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/index_block.h"
#include "schema/open.h"
#include "schema/open_lock.h"
#include "schema/open_owner.h"
#include "schema/reader_rows.h"
#include "schema/record_call.h"
#include "schema/record_memory.h"
#include "schema/writer_internal.h"

static const char *const statement_sql[STATEMENT_COUNT] = {
	[ADD_RECORDING] = "INSERT INTO recording VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_PROCESS] = "INSERT INTO process VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_SPACE] = "INSERT INTO space VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_FILE] = "INSERT INTO file VALUES (?,?,?,?,?)",
	[ADD_SIGNAL] = "INSERT INTO signal VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
		       "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_EXIT_STATE] = "INSERT INTO exit_state VALUES (?,?,?,?,?,?,?,?,"
			   "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_PROBE] = "INSERT INTO probe VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_FUNCTION] = "INSERT INTO function VALUES (?,?,?,?,?,?,?,?)",
	[ADD_STACK_BLOCK] = "INSERT INTO stack_block VALUES (?,?,?)",
	[ADD_STACK_SLICE] = "INSERT INTO stack_slice VALUES (?,?,?)",
	[ADD_STACK] = "INSERT INTO stack VALUES (?,?,?,?,?,?,?,?,?,?)",
	[ADD_EVENT] = "INSERT INTO event (" EVENT_COLUMNS ") VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_MARKER] = "INSERT INTO marker VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_THREAD_START] = "INSERT INTO thread_start VALUES (NULL,?,?,?)",
	[ADD_SPACE_SHARER] = "INSERT INTO space_sharer VALUES (NULL,?,?,?)",
	[ADD_CALL_RESULT] = "INSERT INTO syscall VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_RETURN_INSTANCE] = "INSERT INTO return_instance VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_SIGNAL_SENDER] = "INSERT INTO signal_sender VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_GAP] = "INSERT INTO gap VALUES (NULL,?,?,?,?,?,?)",
	[ADD_BLOCK] = "INSERT INTO event_block VALUES (?,?,?,?,?,?,?,?)",
	[ADD_BLOCK_SPACE] = "INSERT INTO event_block_space VALUES (?,?,?,?,?)",
	[ADD_HEAP] = "INSERT INTO heap (" HEAP_COLUMNS ") VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_HEAP_BLOCK] = "INSERT INTO heap_block VALUES (?,?,?,?,?,?,?,?)",
	[ADD_CALL] = "INSERT INTO call VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_TRUNCATION] = "INSERT INTO truncation VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ADD_COVERAGE] = "INSERT INTO probe_coverage VALUES (NULL,?,?,?,?)",
	[FIND_FILE] = "SELECT id FROM file WHERE device_major = ? AND device_minor = ? AND inode = ? AND path = ?",
	[SET_LAST_COMMIT] = "UPDATE recording SET last_commit_ns = ? WHERE id = ?",
	[END_RECORDING] = "UPDATE recording SET ended_ns = ?, emitted = ?, stored = ?, lost = ? WHERE id = ?",
	[SET_SPACE_PARENT] = "UPDATE space SET parent_space_id = ? WHERE id = ?",
	[END_LEFT_SPACES] = "UPDATE space SET to_ns = coalesce((SELECT min(later.from_ns) FROM space AS later "
			    "WHERE later.process_id = space.process_id AND later.id > space.id), "
			    "(SELECT exit_ns FROM process WHERE process.id = space.process_id), 0) "
			    "WHERE to_ns = 0 AND process_id IN (SELECT id FROM process WHERE recording_id = ?)",
	[NAME_FILE] = "UPDATE OR IGNORE file SET path = ? WHERE id = ? AND path = ''",
	[END_SPACE] = "UPDATE space SET to_ns = ? WHERE id = ?",
	[UPDATE_PROCESS] = "UPDATE process SET comm = ?, last_uid = ?, exit_ns = ?, exit_status = ? WHERE id = ?",
	[UPDATE_PROBE] = "UPDATE probe SET enabled = ?, only_pid = ?, program_id = ?, holder_comm = ?, "
			 "attached_ns = ?, first_seen_ns = ?, last_seen_ns = ?, gone_ns = ? WHERE id = ?",
	[CLOSE_ABANDONED] = "INSERT INTO gap (recording_id, pid, cause, from_ns, to_ns, lost) "
			    "SELECT id, 0, 7, max(started_ns, last_commit_ns), 9223372036854775807, 0 FROM recording "
			    "WHERE ended_ns = 0 AND NOT EXISTS "
			    "(SELECT 1 FROM gap WHERE gap.recording_id = recording.id AND gap.cause = 7)",
};

static const char *const last_id_sql[COUNTED_TABLES] = {
	[ADD_RECORDING] = "SELECT max(id) FROM recording",
	[ADD_PROCESS] = "SELECT max(id) FROM process",
	[ADD_SPACE] = "SELECT max(id) FROM space",
	[ADD_FILE] = "SELECT max(id) FROM file",
	[ADD_SIGNAL] = "SELECT max(id) FROM signal",
	[ADD_EXIT_STATE] = "SELECT max(id) FROM exit_state",
	[ADD_PROBE] = "SELECT max(id) FROM probe",
	[ADD_FUNCTION] = "SELECT max(id) FROM function",
	[ADD_STACK_BLOCK] = "SELECT max(id) FROM stack_block",
	[ADD_STACK_SLICE] = "SELECT max(id) FROM stack_slice",
	[ADD_STACK] = "SELECT max(id) FROM stack",
};

/* ---- transactions ---- */

/* Takes note of a transaction that is no more, for the next commit to tell: even one without events may have held
 * processes or spaces. Consumes nothing; `cause` is kept as a copy of its text. */
static void note_rollback(struct store_writer *writer, const struct error *cause)
{
	writer->in_transaction = false;
	writer->rolled_back = true;
	writer->block = writer->committed_block;
	writer->heap_block = writer->committed_heap_block;
	store_stack_forget(writer);
	writer->discarded += writer->pending;
	writer->pending = 0;
	if (!writer->discard_cause)
		writer->discard_cause = error_format(cause->code, "%s", cause->message);
}

bool store_writer_take_rollback(struct store_writer *writer)
{
	bool rolled_back = writer->rolled_back;

	writer->rolled_back = false;
	return rolled_back;
}

static struct error *begin(struct store_writer *writer)
{
	struct error *err;

	if (writer->in_transaction)
		return NULL;
	err = store_connection_execute(&writer->connection, "BEGIN IMMEDIATE");
	if (!err)
		writer->in_transaction = true;
	return err;
}

struct error *store_writer_end_transaction(struct store_writer *writer)
{
	struct error *err;

	if (!writer->in_transaction)
		return NULL;
	err = store_connection_execute(&writer->connection, "COMMIT");
	if (err) {
		sqlite3_exec(writer->connection.db, "ROLLBACK", NULL, NULL, NULL);
		note_rollback(writer, err);
		return err;
	}
	writer->in_transaction = false;
	writer->pending = 0;
	writer->committed_block = writer->block;
	writer->committed_heap_block = writer->heap_block;
	return NULL;
}

struct error *store_writer_run(struct store_writer *writer, enum statement which)
{
	sqlite3_stmt *statement = writer->statements[which];
	struct error *err = begin(writer);
	int status;

	if (err)
		return err;
	sqlite3_step(statement);
	status = sqlite3_reset(statement);
	if (status == SQLITE_OK)
		return NULL;
	err = store_connection_error(&writer->connection, status, "cannot write");
	if (sqlite3_get_autocommit(writer->connection.db))
		note_rollback(writer, err);
	return err;
}

/* ---- opening and closing ---- */

/* Makes the file when it is missing, so that it never exists with another mode. */
static struct error *make_file(const char *path)
{
	cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return error_errno(errno, "%s", path);
	return NULL;
}

static struct error *prepare_statements(struct store_writer *writer)
{
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		struct error *err = store_connection_prepare(&writer->connection, statement_sql[i],
							     SQLITE_PREPARE_PERSISTENT, &writer->statements[i]);

		if (err)
			return err;
	}
	for (int i = 0; i < COUNTED_TABLES; i++) {
		struct error *err = store_connection_get(&writer->connection, last_id_sql[i], &writer->last_ids[i]);

		if (err)
			return err;
		if (writer->last_ids[i] < 0 || writer->last_ids[i] > INT64_MAX / 2)
			return error_format(ERROR_INVALID, "%s: impossible row ids", writer->connection.path);
	}
	return NULL;
}

/* Stores the summary when it is full, and begins the next. */
static struct error *flush_block(struct store_writer *writer, struct block *block, enum statement summary,
				 sqlite3_stmt *spaces)
{
	const struct block_statements statements = {.block = writer->statements[summary], .block_space = spaces};
	struct error *err;
	int status;

	if (block->count < BLOCK_EVENTS)
		return NULL;
	err = begin(writer);
	if (err)
		return err;
	status = block_insert(block, &statements);
	block_init(block, block->granule_shift);
	if (status == SQLITE_OK)
		return NULL;
	err = store_connection_error(&writer->connection, status, "cannot write a block summary");
	if (sqlite3_get_autocommit(writer->connection.db))
		note_rollback(writer, err);
	return err;
}

struct error *store_writer_add_to_block(struct store_writer *writer, const struct memory_event *event)
{
	block_add(&writer->block, event);
	return flush_block(writer, &writer->block, ADD_BLOCK, writer->statements[ADD_BLOCK_SPACE]);
}

struct error *store_writer_add_to_heap_block(struct store_writer *writer, const struct heap_event *event)
{
	uint64_t old[2], new[2];

	store_heap_ranges(event, old, new);
	block_add_event(&writer->heap_block, event->id, event->space_id, event->enter_ns);
	block_add_range(&writer->heap_block, event->space_id, old[0], old[1]);
	block_add_range(&writer->heap_block, event->space_id, new[0], new[1]);
	return flush_block(writer, &writer->heap_block, ADD_HEAP_BLOCK, NULL);
}

/* The rows after the last block are taken up again, so that blocks follow each other over restarts. */
static struct error *load_event_block(struct store_writer *writer)
{
	static const char sql[] = "SELECT " EVENT_COLUMNS " FROM event "
				  "WHERE id > (SELECT coalesce(max(last_event_id), 0) FROM event_block) ORDER BY id";
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(&writer->connection, sql, 0, &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		struct memory_event event;

		read_event(statement, &event);
		err = store_writer_add_to_block(writer, &event);
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&writer->connection, status, "cannot read the last events");
	return err;
}

static struct error *load_heap_block(struct store_writer *writer)
{
	static const char sql[] = "SELECT " HEAP_COLUMNS " FROM heap "
				  "WHERE id > (SELECT coalesce(max(last_event_id), 0) FROM heap_block) ORDER BY id";
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(&writer->connection, sql, 0, &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		struct heap_event event;

		read_heap_event(statement, &event);
		err = store_writer_add_to_heap_block(writer, &event);
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&writer->connection, status, "cannot read the last heap calls");
	return err;
}

static struct error *load_blocks(struct store_writer *writer)
{
	struct error *err = load_event_block(writer);

	if (!err)
		err = load_heap_block(writer);
	if (!err)
		err = store_writer_end_transaction(writer);
	/* Nothing may be in a transaction yet, or nothing was written: what was read is what is committed. */
	if (!err) {
		writer->committed_block = writer->block;
		writer->committed_heap_block = writer->heap_block;
	}
	return err;
}

struct error *store_writer_create(const char *path, struct store_writer **ret_writer)
{
	struct store_writer *writer = calloc(1, sizeof(*writer));
	struct error *err;
	bool is_empty;

	if (!writer)
		return &error_no_memory;
	writer->lock_fd = -1;
	block_init(&writer->block, BLOCK_PAGE_SHIFT);
	block_init(&writer->heap_block, BLOCK_HEAP_SHIFT);
	err = store_owner_check(path);
	if (!err)
		err = store_file_check(path, &is_empty);
	/* A file that is not ours gets no lock file beside it, either. */
	if (err && err->code == ERROR_NOT_FOUND) {
		error_destroy(err);
		err = NULL;
	}
	if (!err)
		err = store_lock_take(path, &writer->lock_fd);
	if (!err)
		err = make_file(path);
	if (!err)
		err = store_connection_open_write(&writer->connection, path);
	if (!err)
		err = prepare_statements(writer);
	if (!err)
		err = load_blocks(writer);
	if (err) {
		store_writer_destroy(writer);
		return err;
	}
	*ret_writer = writer;
	return NULL;
}

void store_writer_destroy(struct store_writer *writer)
{
	if (!writer)
		return;
	error_destroy(store_writer_end_transaction(writer));
	error_destroy(writer->discard_cause);
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(writer->statements[i]);
	store_stack_deinit(writer);
	store_connection_close(&writer->connection);
	if (writer->lock_fd >= 0)
		close(writer->lock_fd);
	free(writer);
}

struct error *store_writer_commit(struct store_writer *writer, int64_t recording_id, uint64_t complete_until_ns,
				  uint64_t *ret_discarded)
{
	sqlite3_stmt *statement = writer->statements[SET_LAST_COMMIT];
	struct error *err;

	sqlite3_bind_int64(statement, 1, store_time(complete_until_ns));
	sqlite3_bind_int64(statement, 2, recording_id);
	err = store_writer_run(writer, SET_LAST_COMMIT);
	if (err && writer->in_transaction) {
		sqlite3_exec(writer->connection.db, "ROLLBACK", NULL, NULL, NULL);
		note_rollback(writer, err);
	}
	if (!err)
		err = store_writer_end_transaction(writer);
	*ret_discarded = writer->discarded;
	writer->discarded = 0;
	if (err)
		error_destroy(writer->discard_cause);
	else
		err = writer->discard_cause;
	writer->discard_cause = NULL;
	return err;
}

struct error *store_writer_size(struct store_writer *writer, uint64_t *ret_bytes)
{
	const char *path = writer->connection.path;
	cleanup_free char *log_path = NULL;
	int64_t free_bytes = 0;
	struct error *err;
	struct stat status;

	if (asprintf(&log_path, "%s-wal", path) < 0) {
		log_path = NULL;
		return &error_no_memory;
	}
	if (stat(path, &status) < 0)
		return error_errno(errno, "%s", path);
	*ret_bytes = (uint64_t)status.st_size;
	if (stat(log_path, &status) == 0)
		*ret_bytes += (uint64_t)status.st_size;
	else if (errno != ENOENT)
		return error_errno(errno, "%s", log_path);
	/* What store_prune() has made free is written again before the file grows. */
	err = store_connection_get(&writer->connection,
				   "SELECT (SELECT * FROM pragma_freelist_count) * (SELECT * FROM pragma_page_size)",
				   &free_bytes);
	if (!err && free_bytes > 0)
		*ret_bytes -= (uint64_t)free_bytes < *ret_bytes ? (uint64_t)free_bytes : *ret_bytes;
	return err;
}
