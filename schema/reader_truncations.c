/* SPDX-License-Identifier: MIT */
/*
 * Files that became shorter: rows in the order of the columns of migrations/005-truncations.sql.
 */
#include "schema/reader_truncations.h"

#include <string.h>

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/reader_rows.h"

static int64_t take(struct columns *columns)
{
	return sqlite3_column_int64(columns->statement, columns->next++);
}

static const char *take_text(struct columns *columns)
{
	const char *text = (const char *)sqlite3_column_text(columns->statement, columns->next++);

	return text ? text : "";
}

static void read_truncation(struct columns *row, void *ret)
{
	struct truncation *truncation = ret;
	const char *comm;

	truncation->id = take(row);
	truncation->recording_id = take(row);
	truncation->file_id = take(row);
	truncation->path = strdup(take_text(row));
	if (!truncation->path)
		row->no_memory = true;
	truncation->how = (enum truncation_how)take(row);
	truncation->pid = (uint32_t)take(row);
	truncation->tid = (uint32_t)take(row);
	truncation->uid = (uint32_t)take(row);
	comm = take_text(row);
	memcpy(truncation->comm, comm, strnlen(comm, sizeof(truncation->comm) - 1));
	truncation->enter_ns = (uint64_t)take(row);
	truncation->exit_ns = (uint64_t)take(row);
	truncation->old_bytes = (uint64_t)take(row);
	truncation->new_bytes = (uint64_t)take(row);
	truncation->offset = (uint64_t)take(row);
	truncation->length = (uint64_t)take(row);
	truncation->ip = (uint64_t)take(row);
	truncation->sp = (uint64_t)take(row);
	truncation->top_word = (uint64_t)take(row);
}

static void deinit_truncation(void *row)
{
	truncation_deinit(row);
}

static const struct row_type truncation_type = {sizeof(struct truncation), read_truncation, deinit_truncation};

static bool ends_in(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, name) == 0;
}

struct error *store_reader_truncations(struct store_reader *reader, int64_t recording_id,
				       const struct file_identity *file, const char *name, size_t limit,
				       struct truncation **ret, size_t *ret_count)
{
	const int64_t values[] = {recording_id, file->device_major, file->device_minor, (int64_t)file->inode,
				  store_limit(limit)};
	struct truncation *rows;
	size_t count, kept = 0;
	void *data;
	struct error *err = store_select_all(
		reader, &truncation_type,
		"SELECT * FROM (SELECT * FROM truncation WHERE recording_id = ?1 AND (file_id = 0 OR file_id IN "
		"(SELECT id FROM file WHERE device_major = ?2 AND device_minor = ?3 AND inode = ?4)) "
		"ORDER BY id DESC LIMIT ?5) ORDER BY id",
		values, sizeof(values) / sizeof(values[0]), &data, &count);

	if (err)
		return err;
	rows = data;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].file_id || (name && ends_in(rows[i].path, name)))
			rows[kept++] = rows[i];
		else
			truncation_deinit(&rows[i]);
	}
	*ret = rows;
	*ret_count = kept;
	return NULL;
}
