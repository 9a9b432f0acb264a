/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "collector/ingest_internal.h"
#include "schema/writer.h"

struct error *ingest_take_truncation(struct ingest *ingest, const struct event_truncation *record)
{
	char path[EVENT_TRUNCATION_PATH_BYTES];
	struct truncation truncation = {
		.recording_id = ingest->recording_id,
		.path = path,
		.how = (enum truncation_how)record->how,
		.pid = record->header.pid,
		.tid = record->header.tid,
		.uid = record->uid,
		.enter_ns = record->enter_ns,
		.exit_ns = record->header.time_ns,
		.old_bytes = record->old_bytes,
		.new_bytes = record->new_bytes,
		.offset = record->offset,
		.length = record->length,
		.ip = record->ip,
		.sp = record->sp,
		.top_word = record->top_word,
	};
	struct error *err;
	int64_t id;

	static_assert((int)TRUNCATION_COLLAPSE == (int)EVENT_TRUNCATION_COLLAPSE, "one numbering");
	memcpy(path, record->path, sizeof(path));
	path[sizeof(path) - 1] = 0;
	memcpy(truncation.comm, record->comm, sizeof(truncation.comm));
	/* Whose file truncate's path names cannot be told; of one that bears no known file's name it is nobody's
	 * business.
	 */
	if (!record->file.inode && !ingest_knows_file_name(ingest, path))
		return NULL;
	err = ingest_file_row(ingest, &record->file, &truncation.file_id);
	return err ? err : store_writer_add_truncation(ingest->writer, &truncation, &id);
}
