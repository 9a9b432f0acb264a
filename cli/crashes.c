/* SPDX-License-Identifier: MIT */
#include "cli/crashes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/crash.h"
#include "analyzer/facts/crash_id.h"
#include "cli/core_place.h"
#include "cli/crashes_vault.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/reader.h"
#include "schema/reader_deaths.h"

#define CRASHES_MAX 10000

const char *crash_core_name(enum crash_core state)
{
	static const char *const names[] = {"none", "present", "truncated", "missing", "error"};

	return names[state];
}

void crash_row_deinit(struct crash_row *row)
{
	if (row->has_signal)
		signal_event_deinit(&row->signal_event);
	free(row->executable);
	free(row->hostname);
	free(row->entry);
	free(row->note);
	free(row->class);
	free(row->confidence);
	*row = (struct crash_row){0};
}

void crash_rows_deinit(struct crash_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		crash_row_deinit(&rows->rows[i]);
	free(rows->rows);
	*rows = (struct crash_rows){0};
}

/* ---- from the record ---- */

/* A name of the kernel's, which need not end in a NUL. */
static void copy_comm(char out[17], const char comm[16])
{
	memcpy(out, comm, 16);
	out[16] = 0;
}

static struct error *take_date(struct store_reader *store, uint64_t time_ns, struct crash_row *row)
{
	struct recording recording;
	struct error *err = store_reader_recording(store, row->process.recording_id, &recording);

	if (err)
		return err;
	if (!crash_realtime_ns(&recording, time_ns, &row->real_ns))
		row->real_ns = 0;
	memcpy(row->boot_id, recording.boot_id, sizeof(row->boot_id));
	recording_deinit(&recording);
	return NULL;
}

static struct error *take_executable(struct store_reader *store, struct crash_row *row)
{
	struct file_identity file;
	struct error *err;

	if (!row->space.executable_file_id)
		return NULL;
	err = store_reader_file(store, row->space.executable_file_id, &file);
	if (error_catch(&err, ERROR_NOT_FOUND)) /* a damaged database: the crash is there all the same */
		return NULL;
	if (err)
		return err;
	if (file.path[0]) {
		row->executable = file.path;
		file.path = NULL;
	}
	file_identity_deinit(&file);
	return NULL;
}

/* Everything that a death and an exit have alike. */
static struct error *take_record(struct store_reader *store, int64_t process_id, int64_t space_id, uint64_t time_ns,
				 struct crash_row *row)
{
	struct error *err = store_reader_process(store, process_id, &row->process)
		?: store_reader_space(store, space_id, &row->space)
		?: take_date(store, time_ns, row)
		?: take_executable(store, row);

	if (err)
		return err;
	row->pid = row->process.pid;
	row->namespace_pid = row->process.namespace_pid;
	row->has_uid = true;
	row->uid = row->process.last_uid;
	copy_comm(row->comm, row->process.comm);
	return NULL;
}

/* Consumes the event. */
static struct error *take_signal(struct store_reader *store, struct signal_event *event, struct crash_row *row)
{
	struct error *err;

	*row = (struct crash_row){.has_signal = true, .signal_event = *event, .signal = event->number};
	row->tid = event->tid;
	copy_comm(row->thread_comm, event->comm);
	err = take_record(store, event->process_id, event->space_id, event->time_ns, row);
	if (err)
		crash_row_deinit(row);
	else
		crash_id_of_record(&row->space, &row->process, event, 0, row->id);
	return err;
}

static struct error *take_exit(struct store_reader *store, const struct exit_state *exit, struct crash_row *row)
{
	struct error *err;

	*row = (struct crash_row){.has_exit = true, .exit = *exit, .status = exit->status, .tid = exit->tid};
	copy_comm(row->thread_comm, exit->comm);
	err = take_record(store, exit->process_id, exit->space_id, exit->time_ns, row);
	if (err)
		crash_row_deinit(row);
	else
		crash_id_of_record(&row->space, &row->process, NULL, exit->namespace_tid ?: exit->tid, row->id);
	return err;
}

/* ---- the list ---- */

/* What is collected, from where. */
struct collecting {
	const struct crash_sources *sources;
	const struct match_query *query;
	size_t limit;
	struct vault_entry *entries; /* of the vault; those that a row has taken have no name any more */
	size_t entry_count;
	struct crash_rows rows;
};

static bool is_meant(const struct match_query *query, const struct crash_row *row)
{
	const struct match_facts facts = {
		.id = row->id,
		.boot_id = row->boot_id,
		.hostname = row->hostname,
		.executable = row->executable,
		.comm = row->thread_comm,
		.process_comm = row->comm,
		.pid = row->pid,
		.namespace_pid = row->namespace_pid,
		.uid = row->uid,
		.gid = row->gid,
		.has_uid = row->has_uid,
		.has_gid = row->has_gid,
		.signal = row->signal,
		.entry = row->entry,
		.real_ns = row->real_ns,
	};

	return match_fits(query, &facts);
}

/* Consumes the row. */
static struct error *add_if_meant(struct collecting *collecting, struct crash_row *row)
{
	struct crash_rows *rows = &collecting->rows;
	bool meant = is_meant(collecting->query, row);
	struct error *err = meant ? array_reserve(rows->rows, rows->capacity, rows->count + 1) : NULL;

	if (!meant || err)
		crash_row_deinit(row);
	else
		rows->rows[rows->count++] = *row;
	return err;
}

static struct error *add_signals(struct collecting *collecting)
{
	struct store_reader *store = collecting->sources->store;
	struct signal_event *signals = NULL;
	size_t count = 0;
	struct error *err = store_reader_fatal_signals(store, CRASHES_MAX, &signals, &count);

	for (size_t i = 0; i < count; i++) {
		struct crash_row row;

		if (err || collecting->rows.count >= collecting->limit) {
			signal_event_deinit(&signals[i]);
			continue;
		}
		err = take_signal(store, &signals[i], &row)
			?: crash_row_join(&row, collecting->entries, collecting->entry_count)
			?: add_if_meant(collecting, &row);
	}
	free(signals);
	return err;
}

static struct error *add_exits(struct collecting *collecting)
{
	struct store_reader *store = collecting->sources->store;
	cleanup_free struct exit_state *exits = NULL;
	size_t count = 0, before = collecting->rows.count;
	struct error *err = store_reader_exit_states(store, 0, CRASHES_MAX, &exits, &count);

	for (size_t i = 0; !err && i < count && collecting->rows.count - before < collecting->limit; i++) {
		struct crash_row row;

		err = take_exit(store, &exits[i], &row) ?: add_if_meant(collecting, &row);
	}
	return err;
}

/* Those that no recorded death has taken. */
static struct error *add_entries(struct collecting *collecting)
{
	size_t before = collecting->rows.count;
	struct error *err = NULL;

	for (size_t i = 0; !err && i < collecting->entry_count && collecting->rows.count - before < collecting->limit;
	     i++) {
		struct crash_row row = {0};

		if (!collecting->entries[i].name)
			continue;
		err = crash_row_take_entry(&row, &collecting->entries[i]);
		if (!err && match_has_id(collecting->query))
			crash_row_take_report(collecting->sources->vault, &row);
		if (!err)
			err = add_if_meant(collecting, &row);
	}
	return err;
}

/* Newest first; those without a date last. What is equal stays in the order of the record, whose newest came first. */
static int compare(const void *one, const void *other)
{
	const struct crash_row *a = one, *b = other;

	if (a->real_ns != b->real_ns)
		return a->real_ns > b->real_ns ? -1 : 1;
	if (a->has_signal && b->has_signal && a->signal_event.id != b->signal_event.id)
		return a->signal_event.id > b->signal_event.id ? -1 : 1;
	return 0;
}

static struct error *collect(struct collecting *collecting)
{
	struct error *err = NULL;

	if (collecting->sources->vault)
		err = vault_list(collecting->sources->vault, &collecting->entries, &collecting->entry_count);
	if (!err && collecting->sources->store)
		err = add_signals(collecting);
	if (!err && collecting->sources->store)
		err = add_exits(collecting);
	return err ?: add_entries(collecting);
}

struct error *crashes_collect(const struct crash_sources *sources, const struct match_query *query, size_t limit,
			      struct crash_rows *ret)
{
	struct collecting collecting = {.sources = sources, .query = query, .limit = limit ? limit : SIZE_MAX};
	struct error *err = collect(&collecting);

	vault_entries_destroy(collecting.entries, collecting.entry_count);
	*ret = collecting.rows;
	if (err) {
		crash_rows_deinit(ret);
		return err;
	}
	if (ret->count)
		qsort(ret->rows, ret->count, sizeof(*ret->rows), compare);
	while (ret->count > collecting.limit)
		crash_row_deinit(&ret->rows[--ret->count]);
	for (size_t i = 0; i < ret->count; i++)
		crash_row_take_report(sources->vault, &ret->rows[i]);
	return NULL;
}

/* ---- cores ---- */

void crash_core_file_deinit(struct crash_core_file *file)
{
	core_destroy(file->core);
	free(file->name);
	if (file->has_fd)
		close(file->fd);
	*file = (struct crash_core_file){0};
}

struct error *crash_row_open_core(const struct crash_sources *sources, const struct crash_row *row,
				  struct crash_core_file *ret)
{
	*ret = (struct crash_core_file){0};
	if (row->has_signal)
		ret->core = core_place_open(&row->signal_event, &row->process, &row->space, row->real_ns);
	if (ret->core || !row->entry || !sources->vault ||
	    (row->stored_core != CRASH_CORE_PRESENT && row->stored_core != CRASH_CORE_TRUNCATED))
		return NULL;
	return crash_row_unpack(sources->vault, row, ret);
}

enum crash_core crash_row_core(const struct crash_row *row, uint64_t *ret_bytes)
{
	enum crash_core state = CRASH_CORE_NONE;
	struct core *core = NULL;
	struct stat status;

	*ret_bytes = 0;
	if (row->has_signal)
		core = core_place_open(&row->signal_event, &row->process, &row->space, row->real_ns);
	if (core) {
		state = core->truncated ? CRASH_CORE_TRUNCATED : CRASH_CORE_PRESENT;
		if (stat(core->path, &status) == 0)
			*ret_bytes = (uint64_t)status.st_size;
	}
	core_destroy(core);
	if (state == CRASH_CORE_NONE && row->entry) {
		state = row->stored_core;
		*ret_bytes = row->stored_bytes;
	}
	return state;
}
