/* SPDX-License-Identifier: MIT */
#include "collector/ingest.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common/cleanup.h"

/* A process and the address space that it uses now. Rows have an id of 0 until they are in the store. */
struct tenant {
	struct process process;
	struct space space;
	bool shares_space; /* the space's row belongs to the parent (vfork) */
	bool committed;	   /* both rows outlive a rollback */
	struct event_file_id executable;
};

struct file_entry {
	struct event_file_id key;
	int64_t id;
	bool committed;
	struct file_identity identity;
};

#define GAP_CAUSES 8

struct ingest {
	struct store_writer *writer;
	int64_t recording_id;
	uint64_t started_ns;
	uint64_t quota_bytes;
	bool over_quota;
	void *tenants; /* tsearch trees */
	void *files;
	struct tenant *latest; /* most events come from the process of the event before */
	struct gap *gaps;      /* waiting for the next commit */
	size_t gap_count, gap_room;
	int64_t latest_signal_id;
	uint32_t latest_signal_pid;
	uint64_t pending; /* events added since the last commit */
	uint64_t oldest_pending_ns, newest_pending_ns;
	uint64_t stored, lost;
	struct error *failure;
};

static int compare_tenants(const void *a, const void *b)
{
	const struct tenant *left = a, *right = b;

	return (left->process.pid > right->process.pid) - (left->process.pid < right->process.pid);
}

static int compare_files(const void *a, const void *b)
{
	const struct file_entry *left = a, *right = b;

	if (left->key.inode != right->key.inode)
		return left->key.inode < right->key.inode ? -1 : 1;
	if (left->key.device != right->key.device)
		return left->key.device < right->key.device ? -1 : 1;
	return (left->key.generation > right->key.generation) - (left->key.generation < right->key.generation);
}

struct error *ingest_create(struct store_writer *writer, int64_t recording_id, uint64_t started_ns,
			    uint64_t quota_bytes, struct ingest **ret_ingest)
{
	struct ingest *ingest = calloc(1, sizeof(*ingest));

	if (!ingest)
		return &error_no_memory;
	ingest->writer = writer;
	ingest->recording_id = recording_id;
	ingest->started_ns = started_ns;
	ingest->quota_bytes = quota_bytes;
	*ret_ingest = ingest;
	return NULL;
}

static void free_file(void *entry)
{
	struct file_entry *file = entry;

	free(file->identity.path);
	free(file);
}

void ingest_destroy(struct ingest *ingest)
{
	if (!ingest)
		return;
	tdestroy(ingest->tenants, free);
	tdestroy(ingest->files, free_file);
	error_destroy(ingest->failure);
	free(ingest->gaps);
	free(ingest);
}

void ingest_add_loss(struct ingest *ingest, enum gap_cause cause, uint32_t pid, uint64_t from_ns, uint64_t to_ns,
		     uint64_t lost)
{
	ingest->lost += lost;
	for (size_t i = 0; i < ingest->gap_count; i++) {
		struct gap *gap = &ingest->gaps[i];

		if (gap->cause != cause || gap->pid != pid)
			continue;
		gap->lost += lost;
		if (from_ns < gap->from_ns)
			gap->from_ns = from_ns;
		if (to_ns > gap->to_ns)
			gap->to_ns = to_ns;
		return;
	}
	if (ingest->gap_count == ingest->gap_room) {
		size_t room = ingest->gap_room ? ingest->gap_room * 2 : 16;
		struct gap *grown = reallocarray(ingest->gaps, room, sizeof(*grown));

		if (!grown)
			return; /* the books still show the loss: they will not balance with the gap rows */
		ingest->gaps = grown;
		ingest->gap_room = room;
	}
	ingest->gaps[ingest->gap_count++] = (struct gap){
		.recording_id = ingest->recording_id,
		.pid = pid,
		.cause = cause,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.lost = lost,
	};
}

static void keep_failure(struct ingest *ingest, struct error *err)
{
	if (ingest->failure)
		error_destroy(err);
	else
		ingest->failure = err;
}

struct error *ingest_failure(struct ingest *ingest)
{
	return take_pointer(ingest->failure);
}

void ingest_books(const struct ingest *ingest, uint64_t *ret_stored, uint64_t *ret_lost)
{
	*ret_stored = ingest->stored;
	*ret_lost = ingest->lost;
}

/* ---- files ---- */

static struct error *file_row(struct ingest *ingest, const struct event_file_id *key, int64_t *ret_id)
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
	}
	*ret_id = file->id;
	return NULL;
}

/* "usr/lib/x" from the components "x", "lib", "usr", each with its NUL. The caller frees it. */
static char *join_components(const char *components, uint32_t used, bool truncated, bool deleted)
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

static struct error *take_file(struct ingest *ingest, const struct event_file *record)
{
	uint32_t used = record->used < EVENT_PATH_BYTES ? record->used : EVENT_PATH_BYTES;
	struct file_entry wanted = {.key = record->file};
	struct file_entry **found = tfind(&wanted, &ingest->files, compare_files);
	struct file_entry *file;
	cleanup_free char *path = join_components(record->components, used, record->truncated, record->deleted);

	if (!path)
		return &error_no_memory;
	if (found) {
		file = *found;
		free(file->identity.path);
		file->identity.path = take_pointer(path);
		file->id = 0; /* the row with this path is another one */
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

/* ---- processes and their address spaces ---- */

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
		err = file_row(ingest, &tenant->executable, &tenant->space.executable_file_id);
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

/* The tenant of an event, with its rows in the store. One whose announcement was lost is made up as "seen". */
static struct error *tenant_of_event(struct ingest *ingest, const struct event_header *header,
				     struct tenant **ret_tenant)
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

static struct error *take_process(struct ingest *ingest, const struct event_process *record)
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

static struct error *take_exit(struct ingest *ingest, const struct event_exit *record)
{
	struct tenant *tenant;
	struct error *err = tenant_of_event(ingest, &record->header, &tenant);

	if (!err)
		err = store_writer_end_process(ingest->writer, tenant->process.id, record->header.time_ns,
					       record->status);
	if (!err)
		err = end_space(ingest, tenant, record->header.time_ns);
	if (!err)
		remove_tenant(ingest, tenant);
	return err;
}

/* ---- events ---- */

static enum memory_kind kind_of_syscall(uint32_t number)
{
	switch (number) {
	case SYS_mmap:
		return MEMORY_MMAP;
	case SYS_munmap:
		return MEMORY_MUNMAP;
	case SYS_mremap:
		return MEMORY_MREMAP;
	case SYS_mprotect:
		return MEMORY_MPROTECT;
	case SYS_pkey_mprotect:
		return MEMORY_PKEY_MPROTECT;
	case SYS_madvise:
		return MEMORY_MADVISE;
	case SYS_brk:
		return MEMORY_BRK;
	case SYS_shmat:
		return MEMORY_SHMAT;
	case SYS_shmdt:
		return MEMORY_SHMDT;
	default:
		return 0;
	}
}

static struct error *take_syscall(struct ingest *ingest, const struct event_syscall *record)
{
	struct memory_event event = {
		.tid = record->header.tid,
		.kind = kind_of_syscall(record->number),
		/* A call that began before the recording did. */
		.enter_ns = record->enter_ns ? record->enter_ns : ingest->started_ns,
		.exit_ns = record->header.time_ns,
		.ip = record->ip,
		.sp = record->sp,
		.top_word = record->top_word,
		.result = record->result,
	};
	struct tenant *tenant;
	struct error *err = tenant_of_event(ingest, &record->header, &tenant);
	int64_t id;

	if (err)
		return err;
	if (!event.kind)
		return error_format(ERROR_INVALID, "system call %u is not one that is recorded", record->number);
	err = file_row(ingest, &record->file, &event.file_id);
	if (err)
		return err;
	event.space_id = tenant->space.id;
	memcpy(event.args, record->args, sizeof(event.args));
	return store_writer_add_memory_event(ingest->writer, &event, &id);
}

/* include/linux/mm.h */
enum { VM_READ = 1, VM_WRITE = 2, VM_EXEC = 4, VM_SHARED = 8, VM_GROWSDOWN = 0x100 };

static struct error *take_mapping(struct ingest *ingest, const struct event_mapping *record)
{
	struct memory_event event = {
		.tid = record->header.tid,
		.kind = MEMORY_SEEN,
		.enter_ns = record->header.time_ns,
		.exit_ns = record->header.time_ns,
	};
	struct tenant *tenant;
	struct error *err = tenant_of_event(ingest, &record->header, &tenant);
	int64_t id;

	if (!err)
		err = file_row(ingest, &record->file, &event.file_id);
	if (err)
		return err;
	event.space_id = tenant->space.id;
	event.args[0] = record->start;
	event.args[1] = record->end - record->start;
	event.args[2] = (record->vm_flags & VM_READ ? PROT_READ : 0) | (record->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
			(record->vm_flags & VM_EXEC ? PROT_EXEC : 0);
	event.args[3] = (record->vm_flags & VM_SHARED ? MAP_SHARED : MAP_PRIVATE) |
			(record->vm_flags & VM_GROWSDOWN ? MAP_GROWSDOWN : 0) | (event.file_id ? 0 : MAP_ANONYMOUS);
	event.args[5] = event.file_id ? record->page_offset * RECORD_PAGE_BYTES : 0;
	return store_writer_add_memory_event(ingest->writer, &event, &id);
}

static struct error *take_prctl(struct ingest *ingest, const struct event_prctl *record)
{
	char text[EVENT_TEXT_BYTES];
	struct marker marker = {
		.tid = record->header.tid,
		.enter_ns = record->enter_ns ? record->enter_ns : ingest->started_ns,
		.exit_ns = record->header.time_ns,
		.ip = record->ip,
		.option = (int32_t)record->args[0],
		.args = {record->args[1], record->args[2], record->args[3], record->args[4]},
		.result = record->result,
	};
	struct tenant *tenant;
	struct error *err = tenant_of_event(ingest, &record->header, &tenant);
	int64_t id;

	if (err)
		return err;
	memcpy(text, record->text, sizeof(text));
	text[sizeof(text) - 1] = 0;
	marker.text = text[0] ? text : NULL;
	marker.space_id = tenant->space.id;
	return store_writer_add_marker(ingest->writer, &marker, &id);
}

static struct error *take_thread(struct ingest *ingest, const struct event_thread *record)
{
	struct thread_start thread = {.tid = record->tid, .time_ns = record->header.time_ns};
	struct tenant *tenant;
	struct error *err = tenant_of_event(ingest, &record->header, &tenant);
	int64_t id;

	if (err)
		return err;
	thread.process_id = tenant->process.id;
	return store_writer_add_thread_start(ingest->writer, &thread, &id);
}

static struct error *take_signal(struct ingest *ingest, const struct event_signal *record)
{
	uint32_t used = record->directory_used < EVENT_PATH_BYTES ? record->directory_used : EVENT_PATH_BYTES;
	cleanup_free char *directory =
		record->fatal ? join_components(record->directory, used, false, false) : strdup("");
	struct signal_event signal = {
		.tid = record->header.tid,
		.namespace_tid = record->namespace_tid,
		.time_ns = record->header.time_ns,
		.number = record->number,
		.code = record->code,
		.error_number = record->error_number,
		.address = record->address,
		.sender_pid = record->sender_pid,
		.sender_uid = record->sender_uid,
		.fatal = record->fatal,
		.handler = record->handler,
		.trampoline = record->trampoline,
		.directory = directory,
	};
	struct tenant *tenant;
	struct error *err = directory ? tenant_of_event(ingest, &record->header, &tenant) : &error_no_memory;

	if (err)
		return err;
	static_assert(sizeof(signal.registers) == sizeof(record->registers), "one order of registers");
	memcpy(signal.registers, record->registers, sizeof(signal.registers));
	memcpy(signal.comm, record->comm, sizeof(signal.comm));
	signal.process_id = tenant->process.id;
	signal.space_id = tenant->space.id;
	err = store_writer_add_signal(ingest->writer, &signal, &ingest->latest_signal_id);
	ingest->latest_signal_pid = record->header.pid;
	return err;
}

static struct error *take_return_instance(struct ingest *ingest, const struct event_return_instance *record)
{
	struct return_instance instance = {
		.signal_id = ingest->latest_signal_id,
		.tid = record->thread,
		.depth = record->depth,
		.function = record->function,
		.stack = record->stack,
		.return_address = record->return_address,
		.chained = record->chained,
		.device_major = record->device >> 20,
		.device_minor = record->device & 0xfffff,
		.inode = record->inode,
		.offset = record->offset,
	};
	int64_t id;

	if (!ingest->latest_signal_id || ingest->latest_signal_pid != record->header.pid)
		return error_format(ERROR_INVALID, "a return instance without its signal");
	return store_writer_add_return_instance(ingest->writer, &instance, &id);
}

static struct error *take_record(struct ingest *ingest, const struct event_header *record)
{
	switch (record->type) {
	case EVENT_SYSCALL:
		return take_syscall(ingest, (const void *)record);
	case EVENT_PRCTL:
		return take_prctl(ingest, (const void *)record);
	case EVENT_FILE:
		return take_file(ingest, (const void *)record);
	case EVENT_MAPPING:
		return take_mapping(ingest, (const void *)record);
	case EVENT_PROCESS:
		return take_process(ingest, (const void *)record);
	case EVENT_THREAD:
		return take_thread(ingest, (const void *)record);
	case EVENT_EXIT:
		return take_exit(ingest, (const void *)record);
	case EVENT_SIGNAL:
		return take_signal(ingest, (const void *)record);
	case EVENT_RETURN_INSTANCE:
		return take_return_instance(ingest, (const void *)record);
	default:
		return error_format(ERROR_INVALID, "record of unknown type %u", record->type);
	}
}

/* Who a process is and what a file is called must be kept even over quota: it is small, and the crash needs it. */
static bool is_bulk(uint16_t type)
{
	return type == EVENT_SYSCALL || type == EVENT_PRCTL || type == EVENT_THREAD;
}

void ingest_record(struct ingest *ingest, const struct event_header *record)
{
	struct error *err;

	if (ingest->over_quota && is_bulk(record->type)) {
		ingest_add_loss(ingest, GAP_QUOTA, 0, record->time_ns, record->time_ns, 1);
		return;
	}
	err = take_record(ingest, record);
	if (err) {
		keep_failure(ingest, err);
		ingest_add_loss(ingest, GAP_DATABASE, record->pid, record->time_ns, record->time_ns, 1);
		return;
	}
	if (!ingest->pending++)
		ingest->oldest_pending_ns = record->time_ns;
	ingest->newest_pending_ns = record->time_ns;
	ingest->stored++;
}

/* ---- commit ---- */

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

void ingest_commit(struct ingest *ingest, uint64_t complete_until_ns)
{
	uint64_t discarded = 0;
	uint64_t bytes = 0;
	struct error *err = NULL;
	bool kept;

	for (size_t i = 0; i < ingest->gap_count && !err; i++) {
		int64_t id;

		err = store_writer_add_gap(ingest->writer, &ingest->gaps[i], &id);
	}
	if (err)
		keep_failure(ingest, err);
	err = store_writer_commit(ingest->writer, ingest->recording_id, complete_until_ns, &discarded);
	kept = !err;
	if (kept) {
		ingest->gap_count = 0;
	} else {
		keep_failure(ingest, err);
		/* Gap rows that went with the rollback stay queued; the events went for good. */
		ingest->stored -= discarded < ingest->stored ? discarded : ingest->stored;
		if (discarded)
			ingest_add_loss(ingest, GAP_DATABASE, 0, ingest->oldest_pending_ns, ingest->newest_pending_ns,
					discarded);
	}
	if (!kept || ingest->pending) {
		twalk_r(ingest->tenants, settle_tenant, &kept);
		twalk_r(ingest->files, settle_file, &kept);
	}
	ingest->pending = 0;
	if (ingest->quota_bytes) {
		err = store_writer_size(ingest->writer, &bytes);
		if (err)
			keep_failure(ingest, err);
		else
			ingest->over_quota = bytes >= ingest->quota_bytes;
	}
}
