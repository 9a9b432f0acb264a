/* SPDX-License-Identifier: MIT */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest_internal.h"
#include "common/cleanup.h"
#include "schema/writer.h"

static int compare_files(const void *a, const void *b)
{
	const struct file_entry *left = a, *right = b;

	if (left->key.inode != right->key.inode)
		return left->key.inode < right->key.inode ? -1 : 1;
	if (left->key.device != right->key.device)
		return left->key.device < right->key.device ? -1 : 1;
	return (left->key.generation > right->key.generation) - (left->key.generation < right->key.generation);
}

static void free_file(void *entry)
{
	struct file_entry *file = entry;

	free(file->identity.path);
	free(file);
}

struct error *ingest_file_row(struct ingest *ingest, const struct event_file_id *key, int64_t *ret_id)
{
	struct file_entry wanted = {.key = *key};
	struct file_entry **found;
	struct file_entry *file;

	*ret_id = 0;
	if (!key->inode && !key->device)
		return NULL;
	found = tfind(&wanted, &ingest->files, compare_files);
	if (!found) {
		/* Its path was lost, or is still to come again: known by identity alone. */
		file = calloc(1, sizeof(*file));
		if (!file)
			return &error_no_memory;
		file->key = *key;
		file->identity.device_major = key->device >> 20;
		file->identity.device_minor = key->device & 0xfffff;
		file->identity.inode = key->inode;
		file->identity.path = strdup("");
		if (!file->identity.path || !tsearch(file, &ingest->files, compare_files)) {
			free_file(file);
			return &error_no_memory;
		}
	} else {
		file = *found;
	}
	if (!file->id) {
		struct error *err = store_writer_add_file(ingest->writer, &file->identity, &file->id);

		if (err)
			return err;
		/* An older recording's row may be that of another file, which had the inode then. */
		file->is_nameless = !file->identity.path[0] && file->id > ingest->older_file_id;
	}
	*ret_id = file->id;
	return NULL;
}

char *ingest_join_path(const char *components, uint32_t used, bool truncated, bool deleted)
{
	char *path = malloc((size_t)used + sizeof("...") + sizeof(" (deleted)") + 2);
	size_t length = 0;
	uint32_t end = used;

	if (!path)
		return NULL;
	if (truncated) {
		memcpy(path, "...", 3);
		length = 3;
	}
	while (end > 0) {
		uint32_t start = end - 1;

		while (start > 0 && components[start - 1])
			start--;
		path[length++] = '/';
		memcpy(path + length, components + start, end - 1 - start);
		length += end - 1 - start;
		end = start;
	}
	if (!length)
		path[length++] = '/';
	path[length] = 0;
	if (deleted)
		memcpy(path + length, " (deleted)", sizeof(" (deleted)"));
	return path;
}

struct error *ingest_take_file(struct ingest *ingest, const struct event_file *record)
{
	uint32_t used = record->used < EVENT_PATH_BYTES ? record->used : EVENT_PATH_BYTES;
	struct file_entry wanted = {.key = record->file};
	struct file_entry **found = tfind(&wanted, &ingest->files, compare_files);
	struct file_entry *file;
	cleanup_free char *path = ingest_join_path(record->components, used, record->truncated, record->deleted);

	if (!path)
		return &error_no_memory;
	if (found) {
		file = *found;
		free(file->identity.path);
		file->identity.path = take_pointer(path);
		if (file->id && file->is_nameless) {
			struct error *err;

			file->identity.id = file->id;
			err = store_writer_name_file(ingest->writer, &file->identity);
			if (err)
				return err;
		}
		file->is_nameless = false;
		file->id = 0; /* the row with this path may be another one */
		file->committed = false;
		return NULL;
	}
	file = calloc(1, sizeof(*file));
	if (!file)
		return &error_no_memory;
	file->key = record->file;
	file->identity.device_major = record->file.device >> 20;
	file->identity.device_minor = record->file.device & 0xfffff;
	file->identity.inode = record->file.inode;
	file->identity.path = take_pointer(path);
	if (!tsearch(file, &ingest->files, compare_files)) {
		free_file(file);
		return &error_no_memory;
	}
	return NULL;
}

static void settle_file(const void *node, VISIT visit, void *closure)
{
	struct file_entry *file = *(struct file_entry *const *)node;
	bool kept = *(bool *)closure;

	if (visit != postorder && visit != leaf)
		return;
	if (kept && file->id)
		file->committed = true;
	else if (!kept && !file->committed)
		file->id = 0;
}

void ingest_settle_files(struct ingest *ingest, bool kept)
{
	twalk_r(ingest->files, settle_file, &kept);
}

void ingest_free_files(struct ingest *ingest)
{
	tdestroy(ingest->files, free_file);
}

struct name_search {
	const char *name;
	size_t length;
	bool found;
};

static void compare_name(const void *node, VISIT visit, void *closure)
{
	const struct file_entry *file = *(struct file_entry *const *)node;
	struct name_search *search = closure;
	const char *slash = strrchr(file->identity.path, '/');

	if ((visit == postorder || visit == leaf) && slash && strncmp(slash + 1, search->name, search->length) == 0 &&
	    (!slash[1 + search->length] || slash[1 + search->length] == ' ')) /* "name (deleted)" */
		search->found = true;
}

bool ingest_knows_file_name(struct ingest *ingest, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct name_search search = {.name = slash ? slash + 1 : path};

	search.length = strlen(search.name);
	if (search.length)
		twalk_r(ingest->files, compare_name, &search);
	return search.found;
}
