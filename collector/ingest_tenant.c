/* SPDX-License-Identifier: MIT */
/*
 * Processes and their address spaces. A row is made of a process's announcement and of nothing else, so that it is
 * complete when it is stored; what is learned later (its end, its next program, its user then) is kept here until the
 * store has it for good, and written again after a rollback.
 *
 * Records that can come in either order, because different threads make them, or because one of them had to wait for
 * room; each pair is put together here or where it says:
 *
 * - Coverage and announcement: the thread that attaches probes knows nothing of the ring, so coverage waits for the
 *   announcement (ingest_call.c).
 * - Coverage and exit: likewise. A short process has ended when its coverage comes; what began after the end says that
 *   no call of it was seen.
 * - Child and parent: the announcement of the parent may be owed while the child's finds room. The child's space is
 * tied to its parent's when that comes.
 * - Exit and calls that are given up, by threads that end at the same time: a process is known for a while after its
 * exit.
 * - Exit and announcement of the pid's next owner, where the exit had no room in time: the start tells them apart.
 * - An announcement and the same once more, by two threads that find it owed: its time tells that it is the same.
 * - A path and what names the file: a path that had no room comes with the file's next use, and the row that was made
 *   without it gets it (ingest_file.c).
 * - Deaths of two processes, whose signals and return instances mix: each process has its own (struct death).
 * - The ring and the kept ring: by their times (kernel_drain.c).
 * - Attaching and look, of the ledger (ingest_ledger.c).
 *
 * A text and its call, a slice and the stack that names it have one order, because the same thread makes both. What is
 * lost of the first is missing (ingest_call.c), or asked for again (ingest_stack.c).
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest_internal.h"
#include "common/array.h"
#include "schema/writer.h"

/* Processes that have ended and are still known, for records that come late. */
#define MAX_ENDED 1024

static int compare_tenants(const void *a, const void *b)
{
	const struct tenant *left = a, *right = b;

	return (left->process.pid > right->process.pid) - (left->process.pid < right->process.pid);
}

static struct tenant *find_tenant(struct ingest *ingest, uint32_t pid)
{
	struct tenant wanted = {.process.pid = pid};
	struct tenant **found;

	if (ingest->latest && ingest->latest->process.pid == pid)
		return ingest->latest;
	found = tfind(&wanted, &ingest->tenants, compare_tenants);
	if (found)
		ingest->latest = *found;
	return found ? *found : NULL;
}

struct tenant *ingest_space_owner(struct ingest *ingest, struct tenant *tenant)
{
	struct tenant *parent = tenant->shares_space ? find_tenant(ingest, tenant->process.parent_pid) : NULL;

	return parent ?: tenant;
}

/* ---- storing ---- */

static struct error *add_rows(struct ingest *ingest, struct tenant *tenant)
{
	struct error *err = NULL;

	if (!tenant->process.id) {
		err = store_writer_add_process(ingest->writer, &tenant->process, &tenant->process.id);
		if (err)
			return err;
		tenant->process_committed = false;
	}
	if (tenant->space.id)
		return NULL;
	if (tenant->shares_space) {
		/* The row went with a rollback: the parent makes it again. */
		struct tenant *parent = find_tenant(ingest, tenant->process.parent_pid);

		tenant->shares_space = parent && parent != tenant && !parent->shares_space;
		err = tenant->shares_space ? add_rows(ingest, parent) : NULL;
		if (tenant->shares_space && !err)
			tenant->space.id = parent->space.id;
		if (tenant->shares_space)
			return err;
	}
	err = ingest_file_row(ingest, &tenant->executable, &tenant->space.executable_file_id);
	if (err)
		return err;
	tenant->space.process_id = tenant->process.id;
	err = store_writer_add_space(ingest->writer, &tenant->space, &tenant->space.id);
	if (!err)
		tenant->space_committed = false;
	return err;
}

static struct error *end_space(struct ingest *ingest, struct tenant *tenant)
{
	if (tenant->shares_space || !tenant->space.id)
		return NULL;
	return store_writer_end_space(ingest->writer, tenant->space.id, tenant->space.to_ns);
}

static struct error *add_share(struct ingest *ingest, struct tenant *tenant)
{
	struct error *err;

	if (!tenant->shares_space || tenant->share_stored)
		return NULL;
	err = store_writer_add_space_sharer(ingest->writer, tenant->space.id, tenant->process.id,
					    tenant->process.first_seen_ns);
	tenant->share_stored = !err;
	return err;
}

/* Brings the rows of a tenant up to what is known. */
static struct error *store_tenant(struct ingest *ingest, struct tenant *tenant)
{
	struct error *err = add_rows(ingest, tenant) ?: add_share(ingest, tenant);

	if (!err && tenant->changed) {
		err = store_writer_update_process(ingest->writer, &tenant->process);
		if (!err && tenant->space.to_ns)
			err = end_space(ingest, tenant);
		if (!err && tenant->adopted)
			err = store_writer_set_space_parent(ingest->writer, tenant->space.id,
							    tenant->space.parent_space_id);
		tenant->written |= !err;
		tenant->changed = err != NULL;
	}
	ingest->tenants_owed |= err != NULL;
	return err;
}

/* ---- who there is ---- */

static struct error *add_tenant(struct ingest *ingest, const struct event_process *record, struct tenant **ret_tenant)
{
	struct tenant *tenant = calloc(1, sizeof(*tenant));

	if (!tenant)
		return &error_no_memory;
	tenant->process = (struct process){
		.recording_id = ingest->recording_id,
		.pid = record->header.pid,
		.namespace_pid = record->namespace_pid,
		.parent_pid = record->parent_pid,
		.uid = record->uid,
		.start_ns = record->start_ns,
		.first_seen_ns = record->since_ns > record->start_ns ? record->since_ns : record->start_ns,
		.cgroup_id = record->cgroup_id,
	};
	if (!tsearch(tenant, &ingest->tenants, compare_tenants)) {
		free(tenant);
		return &error_no_memory;
	}
	ingest->latest = tenant;
	*ret_tenant = tenant;
	return NULL;
}

struct error *ingest_tenant_of(struct ingest *ingest, const struct event_header *header, struct tenant **ret_tenant)
{
	struct tenant *tenant = find_tenant(ingest, header->pid);

	if (!tenant)
		return error_format(ERROR_NOT_FOUND, "an event of process %u, which was not announced", header->pid);
	*ret_tenant = tenant;
	if (tenant->process.id && tenant->space.id)
		return NULL;
	return store_tenant(ingest, tenant);
}

struct tenant *ingest_find_process(struct ingest *ingest, uint32_t pid, uint64_t start_ns)
{
	struct tenant *tenant = find_tenant(ingest, pid);

	return tenant && (!start_ns || tenant->process.start_ns == start_ns) ? tenant : NULL;
}

/* Nobody finds it by its pid any more. */
static void take_out(struct ingest *ingest, struct tenant *tenant)
{
	if (!tenant->out) {
		tdelete(tenant, &ingest->tenants, compare_tenants);
		tenant->out = true;
	}
	if (ingest->latest == tenant)
		ingest->latest = NULL;
}

static void queue_ended(struct ingest *ingest, struct tenant *tenant)
{
	if (!ingest->ended)
		ingest->last_ended = &ingest->ended;
	*ingest->last_ended = tenant;
	ingest->last_ended = &tenant->next_ended;
	ingest->ended_count++;
	tenant->ended = true;
}

/* The pid belongs to another process now. */
static struct error *replace_tenant(struct ingest *ingest, struct tenant *tenant, uint64_t time_ns)
{
	struct error *err = NULL;

	take_out(ingest, tenant);
	if (tenant->ended)
		return NULL;
	/* Its exit was lost. */
	tenant->space.to_ns = time_ns;
	tenant->changed = true;
	queue_ended(ingest, tenant);
	err = store_tenant(ingest, tenant);
	return err;
}

/* ---- announcements ---- */

static enum space_origin origin_of(uint32_t reason)
{
	switch (reason) {
	case EVENT_PROCESS_FORK:
		return SPACE_FORK;
	case EVENT_PROCESS_EXEC:
		return SPACE_EXEC;
	case EVENT_PROCESS_SNAPSHOT:
		return SPACE_SNAPSHOT;
	default: /* SEEN, MATCHED */
		return SPACE_SEEN;
	}
}

static struct error *join_parent(struct ingest *ingest, struct tenant *tenant, const struct event_process *record)
{
	struct tenant *parent = find_tenant(ingest, record->parent_pid);
	struct error *err;

	if (!parent) {
		tenant->lacks_parent = true;
		ingest->orphans++;
		return NULL;
	}
	if (parent->space.from_ns > record->since_ns) {
		/* The announcement came so late that the parent runs another program by now. */
		tenant->space.origin = SPACE_SEEN;
		return NULL;
	}
	err = store_tenant(ingest, parent);
	if (err)
		return err;
	if (record->shares_memory) {
		tenant->space = parent->space;
		tenant->shares_space = true;
		return NULL;
	}
	tenant->space.parent_space_id = parent->space.id;
	return ingest_copy_segments(tenant, ingest_space_owner(ingest, parent));
}

struct adoption {
	struct ingest *ingest;
	struct tenant *parent;
};

static void adopt(const void *node, VISIT visit, void *closure)
{
	struct tenant *child = *(struct tenant *const *)node;
	struct adoption *adoption = closure;
	struct tenant *parent = adoption->parent;

	if ((visit != postorder && visit != leaf) || !child->lacks_parent ||
	    child->process.parent_pid != parent->process.pid || child->space.from_ns < parent->space.from_ns)
		return;
	child->lacks_parent = false;
	child->adopted = true;
	adoption->ingest->orphans--;
	child->space.parent_space_id = parent->space.id;
	child->changed = true;
	adoption->ingest->tenants_owed = true;
}

static void begin_space(struct tenant *tenant, const struct event_process *record)
{
	ingest_forget_segments(tenant);
	tenant->executable = record->executable;
	tenant->shares_space = tenant->share_stored = tenant->share_committed = false;
	tenant->space = (struct space){
		.origin = origin_of(record->reason),
		.from_ns = record->since_ns,
		.auxv_sysinfo_ehdr = record->auxv_sysinfo_ehdr,
		.auxv_random = record->auxv_random,
		.auxv_entry = record->auxv_entry,
		.auxv_base = record->auxv_base,
	};
	memcpy(tenant->space.comm, record->comm, sizeof(tenant->space.comm));
}

static void forget_orphan(struct ingest *ingest, struct tenant *tenant)
{
	ingest->orphans -= tenant->lacks_parent;
	tenant->lacks_parent = false;
}

/* The filter takes a process in mid-life: what it did until then, or since it last left, is not known. */
static void note_missed(struct ingest *ingest, const struct tenant *tenant, const struct event_process *record)
{
	uint64_t from_ns = tenant ? tenant->space.from_ns : record->start_ns;

	if (from_ns < ingest->started_ns)
		from_ns = ingest->started_ns;
	if (from_ns <= record->header.time_ns)
		ingest_add_loss(ingest, GAP_FILTER, record->header.pid, from_ns, record->header.time_ns, 0);
}

/* Its mappings are not told with it: the recorder looks for them itself. */
static bool lacks_mappings(const struct event_process *record)
{
	return record->reason == EVENT_PROCESS_MATCHED || (record->late && record->reason == EVENT_PROCESS_EXEC);
}

struct error *ingest_take_process(struct ingest *ingest, const struct event_process *record)
{
	struct tenant *tenant = find_tenant(ingest, record->header.pid);
	struct error *err = NULL;
	bool is_new;

	if (tenant && tenant->process.start_ns != record->start_ns) {
		/* The call that made this one may have begun while the other was there. */
		err = replace_tenant(ingest, tenant,
				     record->since_ns > record->start_ns ? record->since_ns : record->start_ns);
		if (err)
			return err;
		tenant = NULL;
	}
	if (record->reason == EVENT_PROCESS_MATCHED)
		note_missed(ingest, tenant, record);
	if (lacks_mappings(record) && ingest->unmapped_count < array_size(ingest->unmapped))
		ingest->unmapped[ingest->unmapped_count++] = record->header.pid;
	if (tenant && ((record->reason != EVENT_PROCESS_EXEC && record->reason != EVENT_PROCESS_MATCHED) ||
		       record->since_ns <= tenant->space.from_ns))
		return NULL; /* told twice */
	is_new = !tenant;
	if (is_new) {
		err = add_tenant(ingest, record, &tenant);
	} else {
		forget_orphan(ingest, tenant);
		tenant->space.to_ns = record->since_ns;
		err = end_space(ingest, tenant);
	}
	if (err)
		return err;
	tenant->process.last_uid = record->uid;
	memcpy(tenant->process.comm, record->comm, sizeof(tenant->process.comm));
	tenant->changed = tenant->process.id != 0;
	begin_space(tenant, record);
	tenant->adopted = false;
	tenant->space_committed = false;
	if (record->reason == EVENT_PROCESS_FORK || record->shares_memory) {
		err = join_parent(ingest, tenant, record);
		if (err)
			return err;
	}
	err = store_tenant(ingest, tenant);
	if (!err && is_new && ingest->orphans) {
		struct adoption adoption = {.ingest = ingest, .parent = tenant};

		twalk_r(ingest->tenants, adopt, &adoption);
	}
	if (!err && is_new)
		err = ingest_store_coverage(ingest);
	return err;
}

bool ingest_wants_snapshot(struct ingest *ingest, uint32_t *ret_pid)
{
	if (!ingest->unmapped_count)
		return false;
	*ret_pid = ingest->unmapped[--ingest->unmapped_count];
	return true;
}

/* ---- users, ends ---- */

struct error *ingest_note_user(struct ingest *ingest, struct tenant *tenant, uint32_t uid)
{
	if (tenant->process.last_uid == uid)
		return NULL;
	tenant->process.last_uid = uid;
	tenant->changed = true;
	return store_tenant(ingest, tenant);
}

struct tenant *ingest_find_ended(struct ingest *ingest, uint32_t pid, uint64_t start_ns)
{
	struct tenant *tenant = ingest->ended;

	while (tenant && (tenant->process.pid != pid || tenant->process.start_ns != start_ns))
		tenant = tenant->next_ended;
	return tenant;
}

struct error *ingest_take_exit(struct ingest *ingest, const struct event_exit *record)
{
	struct tenant *tenant = ingest_find_process(ingest, record->header.pid, record->start_ns);

	if (!tenant)
		tenant = ingest_find_ended(ingest, record->header.pid, record->start_ns);
	if (!tenant)
		return error_format(ERROR_NOT_FOUND, "the end of process %u, which was not announced",
				    record->header.pid);
	if (tenant->process.exit_ns)
		return NULL;
	tenant->process.exit_ns = record->header.time_ns;
	tenant->process.exit_status = record->status;
	tenant->process.last_uid = record->uid;
	if (!tenant->shares_space)
		tenant->space.to_ns = record->header.time_ns;
	tenant->changed = true;
	forget_orphan(ingest, tenant);
	if (!tenant->ended)
		queue_ended(ingest, tenant);
	return store_tenant(ingest, tenant);
}

/* ---- commits ---- */

struct owing {
	struct ingest *ingest;
	struct error *err;
};

static void store_owed(struct owing *owing, struct tenant *tenant)
{
	if (!owing->err && (tenant->changed || !tenant->process.id || !tenant->space.id ||
			     (tenant->shares_space && !tenant->share_stored)))
		owing->err = store_tenant(owing->ingest, tenant);
}

static void store_owed_node(const void *node, VISIT visit, void *closure)
{
	if (visit == postorder || visit == leaf)
		store_owed(closure, *(struct tenant *const *)node);
}

struct error *ingest_store_tenants(struct ingest *ingest)
{
	struct owing owing = {.ingest = ingest};

	if (!ingest->tenants_owed)
		return NULL;
	ingest->tenants_owed = false;
	twalk_r(ingest->tenants, store_owed_node, &owing);
	for (struct tenant *tenant = ingest->ended; tenant; tenant = tenant->next_ended)
		store_owed(&owing, tenant);
	ingest->tenants_owed |= owing.err != NULL;
	return owing.err;
}

static void settle_tenant(struct tenant *tenant, bool kept)
{
	if (kept) {
		tenant->process_committed |= tenant->process.id != 0;
		tenant->space_committed |= tenant->space.id != 0;
		tenant->share_committed |= tenant->share_stored;
		tenant->written = false;
		return;
	}
	if (!tenant->process_committed)
		tenant->process.id = 0;
	if (!tenant->space_committed) {
		tenant->space.id = 0;
		/* What came before is lost with the rollback: the space is no longer known from its beginning. */
		tenant->space.origin = SPACE_SEEN;
	}
	tenant->share_stored = tenant->share_committed;
	tenant->changed |= tenant->written;
	tenant->written = false;
	tenant->death = (struct death){0};
}

static void settle_node(const void *node, VISIT visit, void *closure)
{
	if (visit == postorder || visit == leaf)
		settle_tenant(*(struct tenant *const *)node, *(bool *)closure);
}

static void free_tenant(void *tenant)
{
	ingest_forget_segments(tenant);
	free(tenant);
}

/* Those that nobody will ask for, and those that are too many. One whose exit has not come yet may still have it. */
static void drop_ended(struct ingest *ingest)
{
	while (ingest->ended && ingest->ended->process_committed && ingest->ended->space_committed &&
	       !ingest->ended->changed &&
	       ((ingest->ended->out && ingest->ended->process.exit_ns) || ingest->ended_count > MAX_ENDED)) {
		struct tenant *tenant = ingest->ended;

		take_out(ingest, tenant);
		ingest->ended = tenant->next_ended;
		ingest->ended_count--;
		free_tenant(tenant);
	}
}

void ingest_settle_tenants(struct ingest *ingest, bool kept)
{
	twalk_r(ingest->tenants, settle_node, &kept);
	for (struct tenant *tenant = ingest->ended; tenant; tenant = tenant->next_ended)
		if (tenant->out)
			settle_tenant(tenant, kept);
	ingest->tenants_owed |= !kept;
	ingest->rolled_back |= !kept;
	drop_ended(ingest);
}

void ingest_free_tenants(struct ingest *ingest)
{
	while (ingest->ended) {
		struct tenant *tenant = ingest->ended;

		take_out(ingest, tenant);
		ingest->ended = tenant->next_ended;
		free_tenant(tenant);
	}
	tdestroy(ingest->tenants, free_tenant);
}
