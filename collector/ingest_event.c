/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "collector/ingest_internal.h"
#include "common/cleanup.h"
#include "schema/record_death.h"
#include "schema/record_marker.h"
#include "schema/record_memory.h"
#include "schema/writer.h"

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

/* When a call began: one whose entry was missed (0) had begun when the recording did, or its process was matched, or
 * at any time before that. The programs in the kernel tell of returns while the last of them are attached, just before
 * the recording starts. */
static uint64_t entry_ns(const struct ingest *ingest, const struct tenant *tenant, uint64_t enter_ns, uint64_t exit_ns)
{
	uint64_t earliest_ns = tenant->process.start_ns;

	if (enter_ns)
		return enter_ns;
	return earliest_ns > ingest->started_ns || ingest->started_ns > exit_ns ? earliest_ns : ingest->started_ns;
}

struct error *ingest_take_syscall(struct ingest *ingest, const struct event_syscall *record)
{
	struct memory_event event = {
		.tid = record->header.tid,
		.kind = kind_of_syscall(record->number),
		.exit_ns = record->header.time_ns,
		.ip = record->ip,
		.sp = record->sp,
		.top_word = record->top_word,
		.result = record->result,
	};
	struct tenant *tenant;
	struct error *err = ingest_tenant_of(ingest, &record->header, &tenant);
	int64_t id;

	if (err)
		return err;
	if (!event.kind)
		return error_format(ERROR_INVALID, "system call %u is not one that is recorded", record->number);
	err = ingest_file_row(ingest, &record->file, &event.file_id);
	if (err)
		return err;
	if (record->header.size >= sizeof(*record) + sizeof(struct event_stack)) {
		err = ingest_stack_row(ingest, (const void *)(record + 1), &event.stack_id);
		if (err)
			return err;
	}
	event.space_id = tenant->space.id;
	event.enter_ns = entry_ns(ingest, tenant, record->enter_ns, event.exit_ns);
	memcpy(event.args, record->args, sizeof(event.args));
	err = ingest_follow_segments(ingest_space_owner(ingest, tenant), &event);
	if (err)
		return err;
	return store_writer_add_memory_event(ingest->writer, &event, &id);
}

struct error *ingest_take_result(struct ingest *ingest, const struct event_result *record)
{
	struct call_result result = {
		.tid = record->header.tid,
		.exit_ns = record->header.time_ns,
		.number = record->number,
		.result = record->result,
		.ip = record->ip,
		.sp = record->sp,
		.top_word = record->top_word,
	};
	struct tenant *tenant;
	struct error *err = ingest_tenant_of(ingest, &record->header, &tenant);

	if (err)
		return err;
	result.space_id = tenant->space.id;
	result.enter_ns = entry_ns(ingest, tenant, record->enter_ns, result.exit_ns);
	memcpy(result.args, record->args, sizeof(result.args));
	return store_writer_add_call_result(ingest->writer, &result);
}

/* include/linux/mm.h */
enum { VM_READ = 1, VM_WRITE = 2, VM_EXEC = 4, VM_SHARED = 8, VM_GROWSDOWN = 0x100 };

struct error *ingest_take_mapping(struct ingest *ingest, const struct event_mapping *record)
{
	struct memory_event event = {
		.tid = record->header.tid,
		.kind = MEMORY_SEEN,
		.enter_ns = record->header.time_ns,
		.exit_ns = record->header.time_ns,
	};
	struct tenant *tenant;
	struct error *err = ingest_tenant_of(ingest, &record->header, &tenant);
	int64_t id;

	if (!err)
		err = ingest_file_row(ingest, &record->file, &event.file_id);
	if (err)
		return err;
	/* The process began another program meanwhile, whose announcement came first: what it had is no part of that.
	 */
	if (event.exit_ns < tenant->space.from_ns)
		return NULL;
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

struct error *ingest_take_prctl(struct ingest *ingest, const struct event_prctl *record)
{
	char text[EVENT_TEXT_BYTES];
	struct marker marker = {
		.tid = record->header.tid,
		.exit_ns = record->header.time_ns,
		.ip = record->ip,
		.option = (int32_t)record->args[0],
		.args = {record->args[1], record->args[2], record->args[3], record->args[4]},
		.result = record->result,
	};
	struct tenant *tenant;
	struct error *err = ingest_tenant_of(ingest, &record->header, &tenant);
	int64_t id;

	if (err)
		return err;
	memcpy(text, record->text, sizeof(text));
	text[sizeof(text) - 1] = 0;
	marker.text = text[0] ? text : NULL;
	marker.space_id = tenant->space.id;
	marker.enter_ns = entry_ns(ingest, tenant, record->enter_ns, marker.exit_ns);
	return store_writer_add_marker(ingest->writer, &marker, &id);
}

struct error *ingest_take_thread(struct ingest *ingest, const struct event_thread *record)
{
	struct thread_start thread = {.tid = record->tid, .time_ns = record->header.time_ns};
	struct tenant *tenant;
	struct error *err = ingest_tenant_of(ingest, &record->header, &tenant);
	int64_t id;

	if (err)
		return err;
	thread.process_id = tenant->process.id;
	return store_writer_add_thread_start(ingest->writer, &thread, &id);
}

static struct error *take_sender(struct ingest *ingest, int64_t signal_id, const struct event_signal_sender *record)
{
	const struct event_signal_first *first = &record->first;
	struct signal_sender sender = {
		.signal_id = signal_id,
		.pid = record->pid,
		.tid = record->tid,
		.time_ns = record->time_ns,
		.first_number = first->number,
		.first_code = first->code,
		.first_address = first->address,
		.first_system_call = first->system_call,
		.first_sender_pid = first->sender_pid,
		.first_pid = first->pid,
		.first_tid = first->tid,
		.first_time_ns = first->time_ns,
	};

	memcpy(sender.comm, record->comm, sizeof(sender.comm));
	memcpy(sender.first_sender_comm, first->sender_comm, sizeof(sender.first_sender_comm));
	return store_writer_add_signal_sender(ingest->writer, &sender);
}

struct error *ingest_take_signal(struct ingest *ingest, const struct event_signal *record)
{
	uint32_t used = record->directory_used < EVENT_PATH_BYTES ? record->directory_used : EVENT_PATH_BYTES;
	cleanup_free char *directory =
		record->fatal ? ingest_join_path(record->directory, used, false, false) : strdup("");
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
	int64_t id = 0;
	struct error *err = directory ? ingest_tenant_of(ingest, &record->header, &tenant) : &error_no_memory;

	if (!err && record->fatal)
		err = ingest_note_user(ingest, tenant, record->uid);
	if (err)
		return err;
	static_assert(sizeof(signal.registers) == sizeof(record->registers), "one order of registers");
	memcpy(signal.registers, record->registers, sizeof(signal.registers));
	memcpy(signal.comm, record->comm, sizeof(signal.comm));
	signal.process_id = tenant->process.id;
	signal.space_id = tenant->space.id;
	if (record->fatal && record->trampoline)
		ingest->look_wanted = true;
	err = store_writer_add_signal(ingest->writer, &signal, &id);
	if (!err && record->fatal)
		tenant->death = (struct death){.tid = record->header.tid, .signal_id = id};
	if (!err && record->sender.time_ns)
		err = take_sender(ingest, id, &record->sender);
	return err;
}

struct error *ingest_take_exit_state(struct ingest *ingest, const struct event_exit_state *record)
{
	struct exit_state state = {
		.tid = record->header.tid,
		.namespace_tid = record->namespace_tid,
		.time_ns = record->header.time_ns,
		.status = record->status,
		.trampoline = record->trampoline,
	};
	struct tenant *tenant;
	struct error *err = ingest_tenant_of(ingest, &record->header, &tenant);
	int64_t id = 0;

	if (err)
		return err;
	static_assert(sizeof(state.registers) == sizeof(record->registers), "one order of registers");
	memcpy(state.registers, record->registers, sizeof(state.registers));
	memcpy(state.comm, record->comm, sizeof(state.comm));
	state.process_id = tenant->process.id;
	state.space_id = tenant->space.id;
	ingest->look_wanted = true;
	err = store_writer_add_exit_state(ingest->writer, &state, &id);
	if (!err)
		tenant->death = (struct death){.tid = record->header.tid, .exit_state_id = id};
	return err;
}

struct error *ingest_take_return_instance(struct ingest *ingest, const struct event_return_instance *record)
{
	struct return_instance instance = {
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
	struct tenant *tenant;
	struct error *err = ingest_tenant_of(ingest, &record->header, &tenant);
	int64_t id;

	if (err)
		return err;
	instance.signal_id = tenant->death.signal_id;
	instance.exit_state_id = tenant->death.exit_state_id;
	if ((!instance.signal_id && !instance.exit_state_id) || tenant->death.tid != record->header.tid)
		return error_format(ERROR_INVALID, "a return instance without its signal or exit");
	ingest->look_wanted = true;
	return store_writer_add_return_instance(ingest->writer, &instance, &id);
}
