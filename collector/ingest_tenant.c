/* SPDX-License-Identifier: MIT */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest_internal.h"

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

/* Puts the rows of a tenant into the store unless they are there. */
static struct error *store_tenant(struct ingest *ingest, struct tenant *tenant)
{
	struct error *err;

	if (!tenant->process.id) {
		err = store_writer_add_process(ingest->writer, &tenant->process, &tenant->process.id);
		if (err)
			return err;
		tenant->committed = false;
	}
	if (!tenant->space.id) {
		err = ingest_file_row(ingest, &tenant->executable, &tenant->space.executable_file_id);
		if (err)
			return err;
		tenant->space.process_id = tenant->process.id;
		err = store_writer_add_space(ingest->writer, &tenant->space, &tenant->space.id);
		if (err)
			return err;
		tenant->committed = false;
	}
	return NULL;
}

static struct error *add_tenant(struct ingest *ingest, uint32_t pid, uint64_t time_ns, struct tenant **ret_tenant)
{
	struct tenant *tenant = calloc(1, sizeof(*tenant));

	if (!tenant)
		return &error_no_memory;
	tenant->process.recording_id = ingest->recording_id;
	tenant->process.pid = pid;
	tenant->process.first_seen_ns = time_ns;
	tenant->space.origin = SPACE_SEEN;
	tenant->space.from_ns = time_ns;
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

	if (!tenant) {
		struct error *err = add_tenant(ingest, header->pid, header->time_ns, &tenant);

		if (err)
			return err;
	}
	*ret_tenant = tenant;
	if (tenant->process.id && tenant->space.id)
		return NULL;
	return store_tenant(ingest, tenant);
}

static void remove_tenant(struct ingest *ingest, struct tenant *tenant)
{
	tdelete(tenant, &ingest->tenants, compare_tenants);
	if (ingest->latest == tenant)
		ingest->latest = NULL;
	free(tenant);
}

static struct error *end_space(struct ingest *ingest, struct tenant *tenant, uint64_t time_ns)
{
	if (tenant->shares_space || !tenant->space.id)
		return NULL;
	return store_writer_end_space(ingest->writer, tenant->space.id, time_ns);
}

static enum space_origin origin_of(uint32_t reason)
{
	switch (reason) {
	case EVENT_PROCESS_FORK:
		return SPACE_FORK;
	case EVENT_PROCESS_EXEC:
		return SPACE_EXEC;
	case EVENT_PROCESS_SNAPSHOT:
		return SPACE_SNAPSHOT;
	default:
		return SPACE_SEEN;
	}
}

struct error *ingest_take_process(struct ingest *ingest, const struct event_process *record)
{
	struct tenant *tenant = find_tenant(ingest, record->header.pid);
	struct tenant *parent;
	struct error *err;

	if (tenant && tenant->process.start_ns && tenant->process.start_ns != record->start_ns) {
		/* The pid was used again and the exit of its former owner was lost. */
		err = end_space(ingest, tenant, record->header.time_ns);
		if (err)
			return err;
		remove_tenant(ingest, tenant);
		tenant = NULL;
	}
	if (tenant && tenant->process.start_ns && record->reason != EVENT_PROCESS_EXEC)
		return NULL;
	if (!tenant) {
		err = add_tenant(ingest, record->header.pid, record->header.time_ns, &tenant);
		if (err)
			return err;
	} else if (record->reason == EVENT_PROCESS_EXEC) {
		err = end_space(ingest, tenant, record->header.time_ns);
		if (err)
			return err;
	}
	tenant->process.start_ns = record->start_ns;
	tenant->process.parent_pid = record->parent_pid;
	tenant->process.namespace_pid = record->namespace_pid;
	tenant->process.uid = record->uid;
	tenant->process.cgroup_id = record->cgroup_id;
	memcpy(tenant->process.comm, record->comm, sizeof(tenant->process.comm));
	if (tenant->process.id && record->reason == EVENT_PROCESS_EXEC) {
		err = store_writer_rename_process(ingest->writer, tenant->process.id, tenant->process.comm);
		if (err)
			return err;
	}
	tenant->executable = record->executable;
	tenant->shares_space = false;
	tenant->space = (struct space){
		.origin = origin_of(record->reason),
		.from_ns = record->header.time_ns,
		.auxv_sysinfo_ehdr = record->auxv_sysinfo_ehdr,
		.auxv_random = record->auxv_random,
		.auxv_entry = record->auxv_entry,
		.auxv_base = record->auxv_base,
	};
	memcpy(tenant->space.comm, record->comm, sizeof(tenant->space.comm));
	if (record->reason == EVENT_PROCESS_FORK || record->shares_memory) {
		parent = find_tenant(ingest, record->parent_pid);
		if (parent && record->shares_memory) {
			err = store_tenant(ingest, parent);
			if (err)
				return err;
			tenant->space = parent->space;
			tenant->shares_space = true;
		} else if (parent) {
			tenant->space.parent_space_id = parent->space.id;
		}
	}
	return store_tenant(ingest, tenant);
}

struct error *ingest_take_exit(struct ingest *ingest, const struct event_exit *record)
{
	struct tenant *tenant;
	struct error *err = ingest_tenant_of(ingest, &record->header, &tenant);

	if (!err)
		err = store_writer_end_process(ingest->writer, tenant->process.id, record->header.time_ns,
					       record->status);
	if (!err)
		err = end_space(ingest, tenant, record->header.time_ns);
	if (!err)
		remove_tenant(ingest, tenant);
	return err;
}

static void settle_tenant(const void *node, VISIT visit, void *closure)
{
	struct tenant *tenant = *(struct tenant *const *)node;
	bool kept = *(bool *)closure;

	if (visit != postorder && visit != leaf)
		return;
	if (kept) {
		tenant->committed = true;
	} else if (!tenant->committed) {
		tenant->process.id = 0;
		tenant->space.id = 0;
		/* What came before is lost with the rollback: the space is no longer known from its beginning. */
		tenant->space.origin = SPACE_SEEN;
	}
}

void ingest_settle_tenants(struct ingest *ingest, bool kept)
{
	twalk_r(ingest->tenants, settle_tenant, &kept);
}

void ingest_free_tenants(struct ingest *ingest)
{
	tdestroy(ingest->tenants, free);
}
