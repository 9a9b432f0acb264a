/* SPDX-License-Identifier: MIT */
#include "cli/bundle_crash.h"

#include <stdlib.h>
#include <string.h>

#include "bundle/bundle.h"
#include "common/limits.h"
#include "schema/reader.h"
#include "schema/reader_deaths.h"
#include "schema/writer.h"

/* A store of an older version is brought to ours: it is a private copy. */
static struct error *open_record(const char *path, struct store_reader **ret)
{
	struct error *err = store_reader_create(path, ret);
	struct store_writer *writer;

	if (!error_catch(&err, ERROR_UNSUPPORTED))
		return err;
	err = store_writer_create(path, &writer);
	if (err)
		return err;
	store_writer_destroy(writer);
	return store_reader_create(path, ret);
}

static struct error *find_signal(int64_t id, struct cli_crash *found)
{
	struct error *err = store_reader_signal(found->sources.store, id, &found->row.signal_event);

	found->row.has_signal = !err;
	return err;
}

static struct error *find_exit(int64_t id, struct cli_crash *found)
{
	struct exit_state *exits = NULL;
	size_t count = 0;
	struct error *err = store_reader_exit_states(found->sources.store, 0, SIZE_MAX, &exits, &count);

	for (size_t i = 0; !err && i < count; i++) {
		if (exits[i].id != id)
			continue;
		found->row.exit = exits[i];
		found->row.has_exit = true;
	}
	free(exits);
	return err || found->row.has_exit ? err : &error_not_found;
}

static struct error *open_contents(struct cli_crash *found)
{
	const struct bundle *bundle = found->bundle;
	struct error *err = NULL;

	if (bundle->record)
		err = open_record(bundle->record, &found->sources.store);
	if (!err && bundle->core)
		err = core_open(bundle->core, &found->file.core);
	if (!err && found->file.core)
		err = core_find_modules_of(found->file.core, bundle->host);
	if (!err && found->sources.store && bundle->signal_id)
		err = find_signal(bundle->signal_id, found);
	else if (!err && found->sources.store && bundle->exit_state_id)
		err = find_exit(bundle->exit_state_id, found);
	if (error_catch(&err, ERROR_NOT_FOUND))
		err = error_format(ERROR_INVALID, "damaged: its record does not have the death that it is about");
	if (!err && !found->file.core && !found->row.has_signal && !found->row.has_exit)
		err = error_format(ERROR_INVALID, "it holds neither a core nor a recorded death");
	return err;
}

/* Where it was unpacked tells nobody anything. */
static struct error *without_room(struct error *err, const struct bundle *bundle)
{
	const char *room = bundle_room_path(bundle->room);
	size_t length = strlen(room);
	struct error *shorter;

	if (!err || strncmp(err->message, room, length) != 0 || err->message[length] != '/')
		return err;
	shorter = error_format(err->code, "its %s", err->message + length + 1);
	error_destroy(err);
	return shorter;
}

struct error *cli_open_bundle(const char *path, struct cli_crash *ret)
{
	struct error *err;

	*ret = (struct cli_crash){0};
	limits_pause();
	err = bundle_open(path, &ret->bundle);
	limits_resume();
	if (err)
		return err;
	ret->host = ret->bundle->host;
	ret->file.name = strdup(path);
	err = ret->file.name ? without_room(open_contents(ret), ret->bundle) : &error_no_memory;
	if (err)
		cli_crash_deinit(ret);
	return error_prefix(err, "%s", path);
}
