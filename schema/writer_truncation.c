/* SPDX-License-Identifier: MIT */
/*
 * Files that became shorter: rows in the order of the columns of migrations/005-truncations.sql.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/record_file.h"
#include "schema/writer.h"
#include "schema/writer_internal.h"

struct error *store_writer_add_truncation(struct store_writer *writer, const struct truncation *truncation,
					  int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_TRUNCATION);
	char comm[sizeof(truncation->comm) + 1] = "";

	memcpy(comm, truncation->comm, sizeof(truncation->comm));
	store_put(&row, truncation->recording_id);
	store_put(&row, truncation->file_id);
	store_put_text(&row, truncation->path);
	store_put(&row, truncation->how);
	store_put(&row, truncation->pid);
	store_put(&row, truncation->tid);
	store_put(&row, truncation->uid);
	store_put_text(&row, comm);
	store_put_time(&row, truncation->enter_ns);
	store_put_time(&row, truncation->exit_ns);
	store_put(&row, (int64_t)truncation->old_bytes);
	store_put(&row, (int64_t)truncation->new_bytes);
	store_put(&row, (int64_t)truncation->offset);
	store_put(&row, (int64_t)truncation->length);
	store_put(&row, (int64_t)truncation->ip);
	store_put(&row, (int64_t)truncation->sp);
	store_put(&row, (int64_t)truncation->top_word);
	return store_finish_event_row(writer, ADD_TRUNCATION, ret_id);
}
