/* SPDX-License-Identifier: MIT */
/*
 * The reader's questions, except for histories and SQL of people.
 */
#include "schema/reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/vector.h"
#include "schema/connection.h"
#include "schema/open.h"
#include "schema/reader_internal.h"
#include "schema/row.h"

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
	for (size_t i = 0; i < rows->count; i++)
		row_deinit(rows->table, rows->data + i * rows->table->size);
	free(rows->data);
	*rows = (struct store_rows){.table = rows->table};
}

static struct error *rows_add(struct store_rows *rows, sqlite3_stmt *statement)
{
	size_t size = rows->table->size;

	if (rows->count == rows->capacity) {
		char *data = vector_grow(rows->data, &rows->capacity, rows->count + 1, size);

		if (!data)
			return &error_no_memory;
		rows->data = data;
	}
	return row_read(rows->table, statement, rows->data + rows->count++ * size);
}

struct error *store_rows_query(struct store_rows *rows, struct store_reader *reader, const char *rest,
			       const struct store_parameter *parameters, int parameter_count)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = row_select(&reader->connection, rows->table, rest, parameters, parameter_count, &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW)
		err = rows_add(rows, statement);
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&reader->connection, status, "cannot read");
	return err;
}

struct error *store_select_all(struct store_reader *reader, const struct row_table *table, const char *rest,
			       const struct store_parameter *parameters, int parameter_count, void **ret_data,
			       size_t *ret_count)
{
	struct store_rows rows = {.table = table};
	struct error *err = store_rows_query(&rows, reader, rest, parameters, parameter_count);

	if (err) {
		store_rows_deinit(&rows);
		return err;
	}
	*ret_data = rows.data;
	*ret_count = rows.count;
	return NULL;
}

struct error *store_select_one(struct store_reader *reader, const struct row_table *table, const char *rest,
			       const struct store_parameter *parameters, int parameter_count, void *ret)
{
	struct store_rows rows = {.table = table};
	struct error *err = store_rows_query(&rows, reader, rest, parameters, parameter_count);

	if (!err && rows.count == 0)
		err = &error_not_found;
	if (!err) {
		memcpy(ret, rows.data, table->size);
		/* Its strings are the caller's now. */
		memset(rows.data, 0, table->size);
	}
	store_rows_deinit(&rows);
	return err;
}

struct error *store_reader_recording(struct store_reader *reader, int64_t id, struct recording *ret)
{
	return store_select_one(reader, &row_recording, "WHERE id = :id", PARAMETERS({":id", id}), ret);
}

struct error *store_reader_newest_recording(struct store_reader *reader, struct recording *ret)
{
	return store_select_one(reader, &row_recording, "ORDER BY id DESC LIMIT 1", NO_PARAMETERS, ret);
}

struct error *store_reader_process(struct store_reader *reader, int64_t id, struct process *ret)
{
	return store_select_one(reader, &row_process, "WHERE id = :id", PARAMETERS({":id", id}), ret);
}

struct error *store_reader_space_users(struct store_reader *reader, int64_t space_id, struct process **ret_processes,
				       size_t *ret_count)
{
	return store_select_all(reader, &row_process,
				"WHERE id IN (SELECT process_id FROM space WHERE id = :space_id UNION "
				"SELECT process_id FROM space_sharer WHERE space_id = :space_id) ORDER BY id",
				PARAMETERS({":space_id", space_id}), (void **)ret_processes, ret_count);
}

struct error *store_reader_process_at(struct store_reader *reader, int64_t recording_id, uint32_t pid, uint64_t time_ns,
				      struct process *ret)
{
	return store_select_one(
		reader, &row_process,
		"WHERE id = (SELECT id FROM process WHERE recording_id = :recording_id AND pid = :pid AND "
		"start_ns <= :time_ns ORDER BY start_ns DESC, id DESC LIMIT 1) "
		"AND (coalesce(exit_ns, 0) = 0 OR exit_ns >= :time_ns)",
		PARAMETERS({":recording_id", recording_id}, {":pid", pid}, {":time_ns", (int64_t)time_ns}), ret);
}

struct error *store_reader_space(struct store_reader *reader, int64_t id, struct space *ret)
{
	return store_select_one(reader, &row_space, "WHERE id = :id", PARAMETERS({":id", id}), ret);
}

struct error *store_reader_file(struct store_reader *reader, int64_t id, struct file_identity *ret)
{
	return store_select_one(reader, &row_file, "WHERE id = :id", PARAMETERS({":id", id}), ret);
}

struct error *store_reader_files(struct store_reader *reader, struct file_identity **ret_files, size_t *ret_count)
{
	return store_select_all(reader, &row_file, "ORDER BY id", NO_PARAMETERS, (void **)ret_files, ret_count);
}

struct error *store_reader_find_spaces(struct store_reader *reader, uint64_t sysinfo_ehdr, uint64_t random,
				       uint64_t entry, uint64_t base, struct space **ret_spaces, size_t *ret_count)
{
	return store_select_all(
		reader, &row_space,
		"WHERE auxv_sysinfo_ehdr = :sysinfo_ehdr AND auxv_random = :random AND auxv_entry = :entry "
		"AND auxv_base = :base ORDER BY id DESC",
		PARAMETERS({":sysinfo_ehdr", (int64_t)sysinfo_ehdr}, {":random", (int64_t)random},
			   {":entry", (int64_t)entry}, {":base", (int64_t)base}),
		(void **)ret_spaces, ret_count);
}
