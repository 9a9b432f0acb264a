/* SPDX-License-Identifier: MIT */
/*
 * The reader's questions, except for histories and SQL of people.
 */
#include "schema/reader.h"

#include <stdlib.h>
#include <string.h>

#include "schema/connection.h"
#include "schema/open.h"
#include "schema/reader_internal.h"
#include "schema/reader_rows.h"

struct error *store_reader_create(const char *path, struct store_reader **ret_reader)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));
	struct error *err;

	if (!reader)
		return &error_no_memory;
	err = store_connection_open_read(&reader->connection, path);
	if (err) {
		free(reader);
		return err;
	}
	*ret_reader = reader;
	return NULL;
}

void store_reader_destroy(struct store_reader *reader)
{
	if (!reader)
		return;
	store_connection_close(&reader->connection);
	free(reader);
}

void store_rows_deinit(struct store_rows *rows)
{
	for (size_t i = 0; i < rows->count && rows->type->deinit; i++)
		rows->type->deinit(rows->data + i * rows->type->size);
	free(rows->data);
	*rows = (struct store_rows){.type = rows->type};
}

static struct error *rows_add(struct store_rows *rows, sqlite3_stmt *statement)
{
	struct columns row = {.statement = statement};
	size_t size = rows->type->size;

	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? 2 * rows->capacity : 8;
		char *data = reallocarray(rows->data, capacity, size);

		if (!data)
			return &error_no_memory;
		rows->data = data;
		rows->capacity = capacity;
	}
	memset(rows->data + rows->count * size, 0, size);
	rows->type->read(&row, rows->data + rows->count++ * size);
	return row.no_memory ? &error_no_memory : NULL;
}

struct error *store_rows_query(struct store_rows *rows, struct store_reader *reader, const char *sql,
			       const int64_t *values, int value_count)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(&reader->connection, sql, 0, &statement);
	int status = SQLITE_DONE;

	for (int i = 0; !err && i < value_count; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW)
		err = rows_add(rows, statement);
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&reader->connection, status, "cannot read");
	return err;
}

struct error *store_select_all(struct store_reader *reader, const struct row_type *type, const char *sql,
			       const int64_t *values, int value_count, void **ret_data, size_t *ret_count)
{
	struct store_rows rows = {.type = type};
	struct error *err = store_rows_query(&rows, reader, sql, values, value_count);

	if (err) {
		store_rows_deinit(&rows);
		return err;
	}
	*ret_data = rows.data;
	*ret_count = rows.count;
	return NULL;
}

struct error *store_select_one(struct store_reader *reader, const struct row_type *type, const char *sql,
			       const int64_t *values, int value_count, void *ret)
{
	struct store_rows rows = {.type = type};
	struct error *err = store_rows_query(&rows, reader, sql, values, value_count);

	if (!err && rows.count == 0)
		err = &error_not_found;
	if (!err) {
		memcpy(ret, rows.data, type->size);
		/* Its strings are the caller's now. */
		memset(rows.data, 0, type->size);
	}
	store_rows_deinit(&rows);
	return err;
}

struct error *store_reader_recording(struct store_reader *reader, int64_t id, struct recording *ret)
{
	return store_select_one(reader, &store_recording_type, "SELECT * FROM recording WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_newest_recording(struct store_reader *reader, struct recording *ret)
{
	return store_select_one(reader, &store_recording_type, "SELECT * FROM recording ORDER BY id DESC LIMIT 1", NULL,
				0, ret);
}

struct error *store_reader_process(struct store_reader *reader, int64_t id, struct process *ret)
{
	return store_select_one(reader, &store_process_type, "SELECT * FROM process WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_process_at(struct store_reader *reader, int64_t recording_id, uint32_t pid, uint64_t time_ns,
				      struct process *ret)
{
	return store_select_one(reader, &store_process_type,
				"SELECT * FROM (SELECT * FROM process WHERE recording_id = ?1 AND pid = ?2 AND "
				"start_ns <= ?3 ORDER BY start_ns DESC, id DESC LIMIT 1) "
				"WHERE coalesce(exit_ns, 0) = 0 OR exit_ns >= ?3",
				VALUES(recording_id, pid, (int64_t)time_ns), ret);
}

struct error *store_reader_space(struct store_reader *reader, int64_t id, struct space *ret)
{
	return store_select_one(reader, &store_space_type, "SELECT * FROM space WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_file(struct store_reader *reader, int64_t id, struct file_identity *ret)
{
	return store_select_one(reader, &store_file_type, "SELECT * FROM file WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_find_spaces(struct store_reader *reader, uint64_t sysinfo_ehdr, uint64_t random,
				       uint64_t entry, uint64_t base, struct space **ret_spaces, size_t *ret_count)
{
	return store_select_all(
		reader, &store_space_type,
		"SELECT * FROM space WHERE auxv_sysinfo_ehdr = ? AND auxv_random = ? AND auxv_entry = ? "
		"AND auxv_base = ? ORDER BY id DESC",
		VALUES((int64_t)sysinfo_ehdr, (int64_t)random, (int64_t)entry, (int64_t)base), (void **)ret_spaces,
		ret_count);
}

struct error *store_reader_files(struct store_reader *reader, struct file_identity **ret_files, size_t *ret_count)
{
	return store_select_all(reader, &store_file_type, "SELECT * FROM file ORDER BY id", NULL, 0, (void **)ret_files,
				ret_count);
}
