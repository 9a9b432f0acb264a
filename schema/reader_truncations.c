/* SPDX-License-Identifier: MIT */
/* Files that became shorter. */
#include "schema/reader_truncations.h"

#include <string.h>

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/row.h"

static bool ends_in(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, name) == 0;
}

struct error *store_reader_truncations(struct store_reader *reader, int64_t recording_id,
				       const struct file_identity *file, const char *name, size_t limit,
				       struct truncation **ret, size_t *ret_count)
{
	struct truncation *rows;
	size_t count, kept = 0;
	void *data;
	struct error *err = store_select_all(
		reader, &row_truncation,
		"WHERE id IN (SELECT id FROM truncation WHERE recording_id = :recording_id AND (file_id = 0 OR "
		"file_id IN (SELECT id FROM file WHERE device_major = :device_major AND device_minor = :device_minor "
		"AND inode = :inode)) ORDER BY id DESC LIMIT :limit) ORDER BY id",
		PARAMETERS({":recording_id", recording_id}, {":device_major", file->device_major},
			   {":device_minor", file->device_minor}, {":inode", (int64_t)file->inode},
			   {":limit", store_limit(limit)}),
		&data, &count);

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
