/* SPDX-License-Identifier: MIT */
/*
 * The ledger lives in memory while a probe is held and a little longer, and is written with each commit: what a
 * rollback takes back is simply written again.
 */
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest_internal.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "schema/writer.h"

#define MAX_ROWS 65536
/* How long the row of a probe that is gone stays in memory: a look may find it gone before the record of its holder's
 * end, which tells the moment better, comes out of the queue. */
#define KEEP_NS 10000000000ULL
/* procfs tells the start of a process in clock ticks. */
#define TICK_NS 10000000ULL

#define COMPARE(a, b)                                                                                                  \
	do {                                                                                                           \
		if ((a) != (b))                                                                                        \
			return (a) < (b) ? -1 : 1;                                                                     \
	} while (0)

/* One row a holder, place and kind: a process that holds a probe twice, or as a perf event and its link, has one. */
static int compare_rows(const void *a, const void *b)
{
	const struct attached_probe *left = &((const struct ledger_row *)a)->probe;
	const struct attached_probe *right = &((const struct ledger_row *)b)->probe;

	COMPARE(left->holder_pid, right->holder_pid);
	COMPARE(left->holder_start_ns / TICK_NS, right->holder_start_ns / TICK_NS);
	COMPARE(left->how == PROBE_TRACEFS, right->how == PROBE_TRACEFS);
	COMPARE(left->inode, right->inode);
	COMPARE(left->device_major, right->device_major);
	COMPARE(left->device_minor, right->device_minor);
	COMPARE(left->offset, right->offset);
	COMPARE(left->at_return, right->at_return);
	/* Only a path that leads nowhere has no inode. */
	return left->inode ? 0 : strcmp(left->path, right->path);
}

char *ingest_read_cgroup(uint32_t pid)
{
	cleanup_free char *line = NULL;
	cleanup_file FILE *file = NULL;
	size_t room = 0;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%" PRIu32 "/cgroup", pid);
	file = fopen(name, "re");
	while (file && getline(&line, &room, file) > 0) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = 0;
		return strdup(line + 3);
	}
	return NULL;
}

static void free_row(void *node)
{
	struct ledger_row *row = node;

	attached_probe_deinit(&row->probe);
	free(row);
}

static struct error *add_row(struct ingest *ingest, const struct attached_probe *probe, struct ledger_row **ret_row)
{
	struct ledger_row *row;

	if (ingest->ledger_count >= MAX_ROWS)
		return error_format(ERROR_SYSTEM, "more than %d probes are attached", MAX_ROWS);
	row = calloc(1, sizeof(*row));
	if (!row)
		return &error_no_memory;
	row->probe = *probe;
	row->probe.id = 0;
	row->probe.recording_id = ingest->recording_id;
	row->probe.holder_cgroup =
		probe->holder_cgroup ? strdup(probe->holder_cgroup) : ingest_read_cgroup(probe->holder_pid);
	if (!row->probe.holder_cgroup)
		row->probe.holder_cgroup = strdup("");
	row->probe.path = strdup(probe->path);
	if (!row->probe.path || !row->probe.holder_cgroup || !tsearch(row, &ingest->ledger, compare_rows)) {
		free_row(row);
		return &error_no_memory;
	}
	ingest->ledger_count++;
	*ret_row = row;
	return NULL;
}

static void drop_row(struct ingest *ingest, struct ledger_row *row)
{
	tdelete(row, &ingest->ledger, compare_rows);
	ingest->ledger_count--;
	free_row(row);
}

static struct ledger_row *find_row(struct ingest *ingest, const struct attached_probe *probe)
{
	struct ledger_row wanted = {.probe = *probe};
	struct ledger_row **found = tfind(&wanted, &ingest->ledger, compare_rows);

	return found ? *found : NULL;
}

/* `path` and the components may be the record's own; the caller frees probe->path. */
static struct error *probe_of_record(const struct event_probe *record, const char *components,
				     struct attached_probe *ret_probe)
{
	uint32_t used = record->used < EVENT_PATH_BYTES ? record->used : EVENT_PATH_BYTES;

	*ret_probe = (struct attached_probe){
		.how = record->how == EVENT_PROBE_LINK ? PROBE_LINK : PROBE_PERF,
		.device_major = record->device >> 20,
		.device_minor = record->device & 0xfffff,
		.inode = record->inode,
		.file_device_major = record->file.device >> 20,
		.file_device_minor = record->file.device & 0xfffff,
		.file_inode = record->file.inode,
		.offset = record->offset,
		.at_return = record->at_return,
		.enabled = true,
		.only_pid = (int32_t)record->only_pid,
		.program_id = record->program_id,
		.left_out = record->left_out,
		.holder_pid = record->header.pid,
		.holder_start_ns = record->start_ns,
		.holder_cgroup_id = record->cgroup_id,
		.path = ingest_join_path(components, used, record->truncated, false),
	};
	memcpy(ret_probe->holder_comm, record->comm, sizeof(ret_probe->holder_comm));
	return ret_probe->path ? NULL : &error_no_memory;
}

/* A look is as old as its beginning: what it finds may have been attached since, and its record may have been read
 * first. */
static void saw_at(struct ledger_row *row, uint64_t time_ns)
{
	if (row->probe.last_seen_ns < time_ns)
		row->probe.last_seen_ns = time_ns;
}

struct error *ingest_take_probe(struct ingest *ingest, const struct event_probe *record)
{
	struct attached_probe probe;
	struct error *err = probe_of_record(record, record->components, &probe);
	cleanup_free char *path = probe.path;
	struct ledger_row *row;

	if (err)
		return err;
	row = find_row(ingest, &probe);
	if (row && row->probe.gone_ns && row->probe.gone_ns <= record->header.time_ns) {
		/* The holder had detached it and attaches it again: another row. */
		err = ingest_store_ledger(ingest);
		if (err)
			return err;
		drop_row(ingest, row);
		row = NULL;
	}
	if (row && row->probe.attached_ns && row->probe.attached_ns <= record->header.time_ns)
		return NULL; /* held twice: the first attaching counts */
	if (!row) {
		err = add_row(ingest, &probe, &row);
		if (err)
			return err;
	}
	saw_at(row, record->header.time_ns);
	/* A look may have found it before its record came out of the queue. */
	row->probe.attached_ns = record->header.time_ns;
	row->probe.first_seen_ns = record->header.time_ns;
	row->changed = true;
	return NULL;
}

struct holder_end {
	uint32_t pid;
	uint64_t start_ns;
	uint64_t time_ns;
	size_t count;
};

static void end_holder(const void *node, VISIT visit, void *closure)
{
	struct ledger_row *row = *(struct ledger_row *const *)node;
	struct holder_end *end = closure;
	struct attached_probe *probe = &row->probe;

	if ((visit != postorder && visit != leaf) || probe->holder_pid != end->pid ||
	    probe->holder_start_ns / TICK_NS != end->start_ns / TICK_NS)
		return;
	if (probe->gone_ns && (probe->gone_ns <= end->time_ns || probe->last_seen_ns > end->time_ns))
		return;
	/* A process that let go of a probe while it lived is not told apart from one that held it to its end, unless a
	 * look lies between. */
	probe->gone_ns = end->time_ns;
	saw_at(row, end->time_ns);
	row->changed = true;
	end->count++;
}

struct error *ingest_take_holder_exit(struct ingest *ingest, const struct event_holder_exit *record)
{
	struct holder_end end = {
		.pid = record->header.pid,
		.start_ns = record->start_ns,
		.time_ns = record->header.time_ns,
	};

	twalk_r(ingest->ledger, end_holder, &end);
	/* Children may have inherited its descriptors. */
	if (end.count)
		ingest->look_wanted = true;
	return NULL;
}

/* ---- looks ---- */

void ingest_look_begin(struct ingest *ingest, uint64_t now_ns)
{
	ingest->look++;
	ingest->look_began_ns = now_ns;
}

void ingest_look_probe(struct ingest *ingest, const struct attached_probe *probe)
{
	struct ledger_row *row = find_row(ingest, probe);

	if (row && row->probe.gone_ns) {
		/* It is back, and the attaching was not seen. What cannot be stored now is found by the next look. */
		struct error *err = ingest_store_ledger(ingest);

		error_destroy(err);
		if (err)
			return;
		drop_row(ingest, row);
		row = NULL;
	}
	if (!row) {
		struct error *err = add_row(ingest, probe, &row);

		error_destroy(err);
		if (err)
			return;
		row->probe.attached_ns = 0;
		row->probe.first_seen_ns = ingest->look_began_ns;
		row->probe.gone_ns = 0;
	}
	saw_at(row, ingest->look_began_ns);
	row->probe.enabled = probe->enabled;
	if (probe->only_pid >= 0)
		row->probe.only_pid = probe->only_pid;
	if (probe->program_id)
		row->probe.program_id = probe->program_id;
	/* A program that is started by a shell may attach before it has its own name, and may rename itself. */
	if (probe->holder_comm[0])
		memcpy(row->probe.holder_comm, probe->holder_comm, sizeof(row->probe.holder_comm));
	row->look = ingest->look;
	row->changed = true;
}

void ingest_look_record(struct ingest *ingest, const struct event_probe *record, const char *path)
{
	struct attached_probe probe;
	struct error *err = probe_of_record(record, path, &probe);
	cleanup_free char *owned = probe.path;

	error_destroy(err);
	if (!err)
		ingest_look_probe(ingest, &probe);
}

struct look_end {
	struct ingest *ingest;
	bool descriptors;
	bool tracefs;
};

static void end_missing(const void *node, VISIT visit, void *closure)
{
	struct ledger_row *row = *(struct ledger_row *const *)node;
	const struct look_end *end = closure;
	bool looked = row->probe.how == PROBE_TRACEFS ? end->tracefs : end->descriptors;

	if ((visit != postorder && visit != leaf) || !looked || row->probe.gone_ns)
		return;
	/* One that was attached since the look began need not have been found. */
	if (row->look == end->ingest->look || row->probe.last_seen_ns >= end->ingest->look_began_ns)
		return;
	row->probe.gone_ns = end->ingest->look_began_ns;
	row->changed = true;
}

void ingest_look_end(struct ingest *ingest, bool descriptors, bool tracefs)
{
	struct look_end end = {.ingest = ingest, .descriptors = descriptors, .tracefs = tracefs};

	twalk_r(ingest->ledger, end_missing, &end);
}

bool ingest_wants_look(struct ingest *ingest)
{
	bool wanted = ingest->look_wanted;

	ingest->look_wanted = false;
	return wanted;
}

static void count_holders(const void *node, VISIT visit, void *closure)
{
	const struct ledger_row *row = *(struct ledger_row *const *)node;

	if ((visit == postorder || visit == leaf) && row->probe.holder_pid && !row->probe.gone_ns)
		*(bool *)closure = true;
}

bool ingest_has_holders(const struct ingest *ingest)
{
	bool has = false;

	twalk_r(ingest->ledger, count_holders, &has);
	return has;
}

/* ---- storing ---- */

struct storing {
	struct ingest *ingest;
	struct error *err;
};

static void store_row(const void *node, VISIT visit, void *closure)
{
	struct ledger_row *row = *(struct ledger_row *const *)node;
	struct storing *storing = closure;

	if ((visit != postorder && visit != leaf) || storing->err || !row->changed)
		return;
	if (row->probe.id) {
		storing->err = store_writer_update_attached_probe(storing->ingest->writer, &row->probe);
	} else {
		storing->err = store_writer_add_attached_probe(storing->ingest->writer, &row->probe, &row->probe.id);
		row->committed = false;
	}
	row->changed = storing->err != NULL;
}

struct error *ingest_store_ledger(struct ingest *ingest)
{
	struct storing storing = {.ingest = ingest};

	twalk_r(ingest->ledger, store_row, &storing);
	return storing.err;
}

struct settling {
	bool kept;
	uint64_t before_ns;
	struct ledger_row *old[256]; /* can be dropped */
	size_t old_count;
};

static void settle_row(const void *node, VISIT visit, void *closure)
{
	struct ledger_row *row = *(struct ledger_row *const *)node;
	struct settling *settling = closure;

	if (visit != postorder && visit != leaf)
		return;
	if (settling->kept) {
		row->committed = row->probe.id != 0;
	} else {
		if (!row->committed)
			row->probe.id = 0;
		row->changed = true;
	}
	if (row->committed && !row->changed && row->probe.gone_ns && row->probe.gone_ns < settling->before_ns &&
	    settling->old_count < array_size(settling->old))
		settling->old[settling->old_count++] = row;
}

void ingest_settle_ledger(struct ingest *ingest, bool kept)
{
	uint64_t latest = ingest->look_began_ns;
	struct settling settling = {.kept = kept, .before_ns = latest > KEEP_NS ? latest - KEEP_NS : 0};

	/* A tree cannot lose a node during a walk. What does not fit is dropped after another commit. */
	twalk_r(ingest->ledger, settle_row, &settling);
	for (size_t i = 0; i < settling.old_count; i++)
		drop_row(ingest, settling.old[i]);
}

void ingest_free_ledger(struct ingest *ingest)
{
	tdestroy(ingest->ledger, free_row);
}
