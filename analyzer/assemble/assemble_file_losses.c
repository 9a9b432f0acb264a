/* SPDX-License-Identifier: MIT */
/* For a page that its file did not have: which calls made that file shorter, or emptied a part of it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "schema/reader_truncations.h"
#include "schema/record_file.h"

#define FILE_LOSS_LIMIT 256

struct error *assemble_lost_file(struct store_reader *store, const struct crash *crash, struct file_identity *ret_file,
				 bool *ret_found)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;
	const struct biography *biography = &crash->facts.biography;
	const struct life *life = timeline_last_life(&biography->timeline, biography->address);
	struct error *err;

	*ret_found = false;
	if (!crash->facts.has_biography || signal->number != SIGBUS || !life || !biography->events[life->born].file_id)
		return NULL;
	err = store_reader_file(store, biography->events[life->born].file_id, ret_file);
	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	*ret_found = !err;
	return err;
}

/* "data" of "/tmp/data (deleted)". The caller frees it. */
static char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t length = strlen(name);

	return strndup(name, assemble_is_deleted(name) ? length - strlen(" (deleted)") : length);
}

static struct error *load_losses(struct store_reader *store, const struct crash_from_record *record,
				 const struct file_identity *file, struct file_loss **ret_losses, size_t *ret_count)
{
	cleanup_free char *name = last_component(file->path);
	cleanup_free struct truncation *calls = NULL;
	struct file_loss *losses;
	size_t count = 0;
	struct error *err;

	if (!name)
		return &error_no_memory;
	err = store_reader_truncations(store, record->recording.id, file, name, FILE_LOSS_LIMIT, &calls, &count);
	if (err)
		return err;
	losses = calloc(count ?: 1, sizeof(*losses));
	for (size_t i = 0; i < count; i++) {
		if (losses && (!record->time_ns || calls[i].enter_ns < record->time_ns))
			losses[(*ret_count)++].call = calls[i];
		else
			truncation_deinit(&calls[i]);
	}
	*ret_losses = losses;
	return losses ? NULL : &error_no_memory;
}

struct error *assemble_file_losses(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct crash_facts *facts = &assembly->crash.facts;
	struct file_identity file;
	bool found;
	struct error *err = assemble_lost_file(request->store, crash, &file, &found);

	if (err || !found)
		return err;
	err = load_losses(request->store, &crash->record, &file, &facts->file_losses, &facts->file_loss_count);
	file_identity_deinit(&file);
	return err;
}
