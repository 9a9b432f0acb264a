/* SPDX-License-Identifier: MIT */
/*
 * The writer's life: the lock, the open transaction that a commit ends, and the run being filled. Its statements are
 * in writer_statements.c, its rows in writer_rows.c.
 */
#include "schema/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/index_run.h"
#include "schema/open.h"
#include "schema/open_lock.h"
#include "schema/open_owner.h"
#include "schema/record_call.h"
#include "schema/record_memory.h"
#include "schema/record_recording.h"
#include "schema/row.h"
#include "schema/writer_internal.h"

/* ---- transactions ---- */

/* Takes note of a transaction that is no more, for the next commit to tell: even one without events may have held
 * processes or spaces. Consumes nothing; `cause` is kept as a copy of its text. */
static void note_rollback(struct store_writer *writer, const struct error *cause)
{
	writer->in_transaction = false;
	writer->rolled_back = true;
	writer->event_run = writer->committed_event_run;
	writer->heap_run = writer->committed_heap_run;
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

struct error *store_writer_begin(struct store_writer *writer)
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
	writer->committed_event_run = writer->event_run;
	writer->committed_heap_run = writer->heap_run;
	return NULL;
}

struct error *store_writer_failure(struct store_writer *writer, int status, const char *what)
{
	struct error *err = store_connection_error(&writer->connection, status, what);

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

static struct error *store_shares(struct store_writer *writer, struct index_run *run)
{
	struct index_run_share share;
	struct error *err = NULL;

	for (uint32_t at = 0; !err && index_run_next_share(run, &at, &share);)
		err = store_writer_run(writer, ADD_EVENT_RUN_SPACE, &share);
	return err;
}

/* Stores the summary when it is full, and begins the next. */
static struct error *flush_run(struct store_writer *writer, struct index_run *run, enum statement add_summary)
{
	struct index_run_summary summary;
	struct error *err = NULL;

	if (run->count < INDEX_RUN_ROWS)
		return NULL;
	index_run_summarise(run, &summary);
	if (add_summary == ADD_EVENT_RUN)
		err = store_shares(writer, run);
	/* Last, because rows of event_block_space count only with their run: half a summary is none. */
	if (!err)
		err = store_writer_run(writer, add_summary, &summary);
	/* It is no longer full when a failure has taken the writer back to the run of the last commit. */
	if (run->count == INDEX_RUN_ROWS)
		index_run_init(run, run->granule_shift);
	return err;
}

struct error *store_writer_add_to_event_run(struct store_writer *writer, int64_t id, const struct memory_event *event)
{
	index_run_add(&writer->event_run, id, event);
	return flush_run(writer, &writer->event_run, ADD_EVENT_RUN);
}

struct error *store_writer_add_to_heap_run(struct store_writer *writer, int64_t id, const struct heap_event *event)
{
	uint64_t old[2], new[2];

	store_heap_ranges(event, old, new);
	index_run_add_event(&writer->heap_run, id, event->space_id, event->enter_ns);
	index_run_add_range(&writer->heap_run, event->space_id, old[0], old[1]);
	index_run_add_range(&writer->heap_run, event->space_id, new[0], new[1]);
	return flush_run(writer, &writer->heap_run, ADD_HEAP_RUN);
}

/* The rows after the last run are taken up again, so that runs follow each other over restarts. */
static struct error *load_event_run(struct store_writer *writer)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err =
		row_select(&writer->connection, &row_event,
			   "WHERE id > (SELECT coalesce(max(last_event_id), 0) FROM event_block) ORDER BY id",
			   NO_PARAMETERS, &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		struct memory_event event;

		err = row_read(&row_event, statement, &event) ?: store_writer_add_to_event_run(writer, event.id, &event);
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&writer->connection, status, "cannot read the last events");
	return err;
}

static struct error *load_heap_run(struct store_writer *writer)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err =
		row_select(&writer->connection, &row_heap,
			   "WHERE id > (SELECT coalesce(max(last_event_id), 0) FROM heap_block) ORDER BY id",
			   NO_PARAMETERS, &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		struct heap_event event;

		err = row_read(&row_heap, statement, &event)
			      ?: store_writer_add_to_heap_run(writer, event.id, &event);
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&writer->connection, status, "cannot read the last heap calls");
	return err;
}

static struct error *load_runs(struct store_writer *writer)
{
	struct error *err = load_event_run(writer) ?: load_heap_run(writer) ?: store_writer_end_transaction(writer);

	/* Nothing may be in a transaction yet, or nothing was written: what was read is what is committed. */
	if (!err) {
		writer->committed_event_run = writer->event_run;
		writer->committed_heap_run = writer->heap_run;
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
	index_run_init(&writer->event_run, INDEX_RUN_PAGE_SHIFT);
	index_run_init(&writer->heap_run, INDEX_RUN_HEAP_SHIFT);
	err = store_owner_check(path) ?: store_file_check(path, &is_empty);
	/* A file that is not ours gets no lock file beside it, either. */
	error_catch(&err, ERROR_NOT_FOUND);
	if (!err)
		err = store_lock_take(path, &writer->lock_fd)
			?: make_file(path)
			?: store_connection_open_write(&writer->connection, path)
			?: store_writer_prepare(writer)
			?: load_runs(writer);
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
		row_statement_deinit(&writer->statements[i]);
	store_stack_deinit(writer);
	store_connection_close(&writer->connection);
	if (writer->lock_fd >= 0)
		close(writer->lock_fd);
	free(writer);
}

struct error *store_writer_commit(struct store_writer *writer, int64_t recording_id, uint64_t complete_until_ns,
				  uint64_t *ret_discarded)
{
	const struct recording recording = {.id = recording_id, .last_commit_ns = complete_until_ns};
	struct error *err = store_writer_run(writer, SET_LAST_COMMIT, &recording);

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
