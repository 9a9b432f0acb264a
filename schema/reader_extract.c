/* SPDX-License-Identifier: MIT */
/*
 * A part of a store as a store of its own: what was recorded of one address space, with all rows that its rows name.
 * Ids stay what they are, so that what was said about the one is true of the other.
 */
#include "schema/reader_extract.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/open.h"
#include "schema/reader.h"
#include "schema/reader_internal.h"
#include "schema/reader_lineage.h"
#include "schema/record_process.h"
#include "schema/slice.h"
#include "schema/writer.h"

struct extract {
	struct store_reader *reader;
	struct store_connection target;
};

/* A statement that adds a row of these columns, unless it is there already. */
static struct error *prepare_insertion(const struct extract *extract, const char *table, sqlite3_stmt *rows,
				       sqlite3_stmt **ret_insert)
{
	cleanup_free char *sql = NULL;
	size_t size;
	FILE *text = open_memstream(&sql, &size);

	if (!text)
		return &error_no_memory;
	fprintf(text, "INSERT OR IGNORE INTO %s (", table);
	for (int i = 0; i < sqlite3_column_count(rows); i++)
		fprintf(text, "%s%s", i ? ", " : "", sqlite3_column_name(rows, i));
	fputs(") VALUES (", text);
	for (int i = 0; i < sqlite3_column_count(rows); i++)
		fprintf(text, "%s:%s", i ? ", " : "", sqlite3_column_name(rows, i));
	fputc(')', text);
	if (fclose(text) != 0)
		return &error_no_memory;
	return store_connection_prepare(&extract->target, sql, 0, ret_insert);
}

/* Copies the rows of a query, which are whole rows of `table`. Those that are there already stay. */
static struct error *copy(struct extract *extract, const char *table, const char *sql,
			  const struct store_parameter *parameters, int parameter_count)
{
	cleanup_statement sqlite3_stmt *rows = NULL, *insert = NULL;
	struct error *err = store_prepare_bound(&extract->reader->connection, sql, parameters, parameter_count, &rows);
	int status = SQLITE_DONE;

	if (!err)
		err = prepare_insertion(extract, table, rows, &insert);
	while (!err && (status = sqlite3_step(rows)) == SQLITE_ROW) {
		/* Parameters are numbered in the order of the columns. */
		for (int i = 0; i < sqlite3_column_count(rows); i++)
			sqlite3_bind_value(insert, i + 1, sqlite3_column_value(rows, i));
		sqlite3_step(insert);
		status = sqlite3_reset(insert);
		if (status != SQLITE_OK)
			err = store_connection_error(&extract->target, status, "cannot write");
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&extract->reader->connection, status, "cannot read");
	return err;
}

/* Copies the rows that the ids of a query over what has been copied name. */
static struct error *follow(struct extract *extract, const char *ids, const char *table, const char *sql)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(&extract->target, ids, 0, &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW)
		err = copy(extract, table, sql, PARAMETERS({":id", sqlite3_column_int64(statement, 0)}));
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&extract->target, status, "cannot read");
	return err;
}

/* The events of a space before a moment: those of the blocks that have some, and those that no block covers (see
 * store_reader_count_events()). */
static struct error *copy_events(struct extract *extract, const struct lineage_step *step)
{
	struct error *err =
		copy(extract, "event",
		     "SELECT event.* FROM event_block_space AS part "
		     "JOIN event_block AS block USING (last_event_id) "
		     "JOIN event ON event.id BETWEEN block.first_event_id AND block.last_event_id "
		     "WHERE part.space_id = :space_id AND part.from_ns < :until_ns AND +event.space_id = :space_id "
		     "AND event.enter_ns < :until_ns ORDER BY block.last_event_id, event.id",
		     PARAMETERS({":space_id", step->space_id}, {":until_ns", store_time(step->until_ns)}));

	return err
		       ?: copy(extract, "event",
			       "WITH hole (first, last) AS ("
			       "SELECT lag(last_event_id, 1, 0) OVER (ORDER BY last_event_id) + 1, first_event_id - 1 "
			       "FROM event_block "
			       "UNION ALL SELECT coalesce(max(last_event_id), 0) + 1, 9223372036854775807 FROM "
			       "event_block) "
			       "SELECT event.* FROM hole JOIN event ON event.id BETWEEN hole.first AND hole.last "
			       "WHERE hole.first <= hole.last AND +event.space_id = :space_id AND event.enter_ns < "
			       ":until_ns",
			       PARAMETERS({":space_id", step->space_id}, {":until_ns", store_time(step->until_ns)}));
}

/* What was recorded of a space before a moment. */
static struct error *copy_space(struct extract *extract, const struct lineage_step *step)
{
	static const struct {
		const char *table, *sql;
	} parts[] = {
		{"space", "SELECT * FROM space WHERE id = :space_id"},
		{"process", "SELECT * FROM process WHERE id = (SELECT process_id FROM space WHERE id = :space_id)"},
		{"space_sharer", "SELECT * FROM space_sharer WHERE space_id = :space_id"},
		{"process",
		 "SELECT * FROM process WHERE id IN (SELECT process_id FROM space_sharer WHERE space_id = :space_id)"},
		/* That they left it by an exec. */
		{"space", "SELECT * FROM space WHERE origin = 1 AND process_id IN "
			  "(SELECT process_id FROM space_sharer WHERE space_id = :space_id)"},
		{"gap", "SELECT gap.* FROM gap JOIN process USING (recording_id, pid) WHERE process.id IN "
			"(SELECT process_id FROM space WHERE id = :space_id "
			"UNION SELECT process_id FROM space_sharer WHERE space_id = :space_id)"},
		{"thread_start",
		 "SELECT * FROM thread_start WHERE process_id = (SELECT process_id FROM space WHERE id = :space_id) "
		 "AND time_ns < :until_ns"},
		{"marker", "SELECT * FROM marker WHERE space_id = :space_id AND enter_ns < :until_ns"},
		{"signal", "SELECT * FROM signal WHERE space_id = :space_id AND time_ns < :until_ns"},
		{"exit_state", "SELECT * FROM exit_state WHERE space_id = :space_id AND time_ns < :until_ns"},
		{"heap", "SELECT * FROM heap WHERE space_id = :space_id AND enter_ns < :until_ns"},
		{"call", "SELECT * FROM call WHERE space_id = :space_id AND enter_ns < :until_ns"},
		{"syscall", "SELECT * FROM syscall WHERE space_id = :space_id AND enter_ns < :until_ns"},
		{"probe_coverage", "SELECT probe_coverage.* FROM probe_coverage JOIN process USING (recording_id) "
				   "WHERE process.id IN (SELECT process_id FROM space WHERE id = :space_id "
				   "UNION SELECT process_id FROM space_sharer WHERE space_id = :space_id) "
				   "AND probe_coverage.process_id IN (0, process.id)"},
	};
	struct error *err = copy_events(extract, step);

	for (size_t i = 0; !err && i < array_size(parts); i++) {
		const struct store_parameter parameters[] = {{":space_id", step->space_id},
							     {":until_ns", store_time(step->until_ns)}};
		bool until = strstr(parts[i].sql, ":until_ns") != NULL;

		err = copy(extract, parts[i].table, parts[i].sql, parameters, until ? 2 : 1);
	}
	return err;
}

/* What the recording knows besides the process's own events. */
static struct error *copy_surroundings(struct extract *extract, const struct process *process, uint32_t sender_pid)
{
	struct error *err = copy(extract, "recording", "SELECT * FROM recording WHERE id = :recording_id",
				 PARAMETERS({":recording_id", process->recording_id}));

	if (!err)
		err = copy(extract, "gap", "SELECT * FROM gap WHERE recording_id = :recording_id AND pid = 0",
			   PARAMETERS({":recording_id", process->recording_id}));
	if (!err)
		err = copy(extract, "pruned", "SELECT * FROM pruned WHERE recording_id = :recording_id",
			   PARAMETERS({":recording_id", process->recording_id}));
	if (!err)
		err = copy(extract, "probe",
			   "SELECT * FROM probe WHERE recording_id = :recording_id AND only_pid IN (-1, 0, :pid)",
			   PARAMETERS({":recording_id", process->recording_id}, {":pid", process->pid}));
	if (!err)
		err = copy(extract, "function", "SELECT * FROM function WHERE recording_id = :recording_id",
			   PARAMETERS({":recording_id", process->recording_id}));
	if (!err && sender_pid)
		err = copy(extract, "process",
			   "SELECT * FROM process WHERE recording_id = :recording_id AND pid = :pid",
			   PARAMETERS({":recording_id", process->recording_id}, {":pid", sender_pid}));
	/* Truncations by path alone concern nobody knows whom. */
	if (!err)
		err = copy(extract, "truncation",
			   "SELECT * FROM truncation WHERE recording_id = :recording_id AND file_id = 0",
			   PARAMETERS({":recording_id", process->recording_id}));
	return err;
}

/* The pieces of the slices that were copied. */
static struct error *copy_slice_pieces(struct extract *extract)
{
	cleanup_statement sqlite3_stmt *slices = NULL;
	struct error *err = store_connection_prepare(&extract->target, "SELECT blocks FROM stack_slice", 0, &slices);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(slices)) == SQLITE_ROW) {
		const uint8_t *ids = sqlite3_column_blob(slices, 0);
		size_t size = (size_t)sqlite3_column_bytes(slices, 0), at = 0;

		while (!err && size <= SLICE_IDS_BYTES_MAX && at < size) {
			uint64_t id = slice_take_id(ids, size, &at);

			if (!id)
				break; /* a broken slice stays one */
			err = copy(extract, "stack_block", "SELECT * FROM stack_block WHERE id = :id",
				   PARAMETERS({":id", (int64_t)id}));
		}
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&extract->target, status, "cannot read");
	return err;
}

/* The rows that those copied so far name. */
static struct error *copy_named(struct extract *extract)
{
	static const struct {
		const char *ids, *table, *sql;
	} parts[] = {
		{"SELECT id FROM signal WHERE fatal", "return_instance",
		 "SELECT * FROM return_instance WHERE signal_id = :id"},
		{"SELECT id FROM signal WHERE fatal", "signal_sender",
		 "SELECT * FROM signal_sender WHERE signal_id = :id"},
		{"SELECT id FROM exit_state", "return_instance",
		 "SELECT * FROM return_instance WHERE exit_state_id > 0 AND exit_state_id = :id"},
		{"SELECT file_id FROM event WHERE file_id > 0 UNION SELECT executable_file_id FROM space "
		 "UNION SELECT file_id FROM function",
		 "file", "SELECT * FROM file WHERE id = :id"},
		/* Of a file, whatever path it had then. */
		{"SELECT id FROM file", "truncation",
		 "SELECT truncation.* FROM file JOIN file AS same USING (device_major, device_minor, inode) "
		 "JOIN truncation ON truncation.file_id = same.id WHERE file.id = :id"},
		{"SELECT DISTINCT file_id FROM truncation WHERE file_id > 0", "file",
		 "SELECT * FROM file WHERE id = :id"},
		{"SELECT stack_id FROM event WHERE stack_id > 0 UNION SELECT stack_id FROM heap WHERE stack_id > 0 "
		 "UNION SELECT stack_id FROM call WHERE stack_id > 0",
		 "stack", "SELECT * FROM stack WHERE id = :id"},
		{"SELECT DISTINCT slice_id FROM stack WHERE slice_id > 0", "stack_slice",
		 "SELECT * FROM stack_slice WHERE id = :id"},
	};
	struct error *err = NULL;

	for (size_t i = 0; !err && i < array_size(parts); i++)
		err = follow(extract, parts[i].ids, parts[i].table, parts[i].sql);
	return err ?: copy_slice_pieces(extract);
}

static struct error *copy_all(struct extract *extract, const struct extract_query *query)
{
	cleanup_free struct lineage_step *steps = NULL;
	struct process process;
	struct space space;
	struct error *err;
	size_t count = 0;
	bool is_cut;

	err = store_reader_space(extract->reader, query->space_id, &space)
		?: store_reader_process(extract->reader, space.process_id, &process)
		?: store_lineage(extract->reader, query->space_id, UINT64_MAX, &steps, &count, &is_cut);
	/* The oldest first: events then mostly come by rising ids. */
	for (size_t i = count; !err && i-- > 0;)
		err = copy_space(extract, &steps[i]);
	return err ?: copy_surroundings(extract, &process, query->sender_pid) ?: copy_named(extract);
}

/* Makes an empty store, or summarises the events of one: a writer does both when it opens it. */
static struct error *open_and_close(const char *path)
{
	struct store_writer *writer;
	struct error *err = store_writer_create(path, &writer);

	if (!err)
		store_writer_destroy(writer);
	return err;
}

/* All of it from one moment of the source, which somebody may be writing to. */
static struct error *fill(struct extract *extract, const struct extract_query *query)
{
	struct error *err = store_connection_execute(&extract->target, "PRAGMA synchronous = OFF; BEGIN");
	struct error *end;

	if (!err)
		err = store_connection_execute(&extract->reader->connection, "BEGIN");
	if (err)
		return err;
	err = copy_all(extract, query);
	end = store_connection_execute(&extract->reader->connection, "COMMIT");
	if (err)
		error_destroy(end);
	else
		err = end;
	return err ?: store_connection_execute(&extract->target, "COMMIT");
}

static void remove_beside(const char *path, const char *suffix)
{
	cleanup_free char *beside = NULL;

	if (asprintf(&beside, "%s%s", path, suffix) < 0)
		beside = NULL;
	else
		unlink(beside);
}

struct error *store_reader_extract(struct store_reader *reader, const struct extract_query *query, const char *path)
{
	struct extract extract = {.reader = reader};
	struct error *err;

	if (access(path, F_OK) == 0)
		return error_errno(EEXIST, "%s", path);
	err = open_and_close(path);
	if (!err && query->space_id) {
		err = store_connection_open_write(&extract.target, path) ?: fill(&extract, query);
		store_connection_close(&extract.target);
		if (!err)
			err = open_and_close(path);
	}
	/* One file, without a log. */
	if (!err)
		err = store_connection_open_write(&extract.target, path)
			      ?: store_connection_execute(&extract.target, "PRAGMA journal_mode = DELETE");
	store_connection_close(&extract.target);
	remove_beside(path, "-lock");
	if (!err)
		return NULL;
	remove_beside(path, "-wal");
	remove_beside(path, "-shm");
	remove_beside(path, "");
	return err;
}
