/* SPDX-License-Identifier: MIT */
/*
 * From a row to a struct. Columns are read in the order of migrations/001-tables.sql.
 */
#include "schema/reader_rows.h"

#include <stdlib.h>
#include <string.h>

#include "schema/record_death.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"
#include "schema/record_probe.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"

static int64_t take(struct columns *columns)
{
	return sqlite3_column_int64(columns->statement, columns->next++);
}

static uint32_t take_u32(struct columns *columns)
{
	return (uint32_t)take(columns);
}

static uint64_t take_word(struct columns *columns)
{
	return (uint64_t)take(columns);
}

/* NULL stays NULL. */
static char *take_text(struct columns *columns)
{
	int column = columns->next++;
	const char *text = (const char *)sqlite3_column_text(columns->statement, column);
	char *copy = text ? strdup(text) : NULL;

	if (!copy && sqlite3_column_type(columns->statement, column) != SQLITE_NULL)
		columns->no_memory = true;
	return copy;
}

/* Into an array that the caller has zeroed. */
static void take_name(struct columns *columns, char *name, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(columns->statement, columns->next++);

	if (text)
		memcpy(name, text, strnlen(text, size - 1));
}

static void read_recording(struct columns *row, void *ret)
{
	struct recording *recording = ret;

	recording->id = take(row);
	take_name(row, recording->boot_id, sizeof(recording->boot_id));
	recording->started_ns = take_word(row);
	recording->ended_ns = take_word(row);
	recording->last_commit_ns = take_word(row);
	recording->realtime_offset_ns = take(row);
	recording->abi_version = take_u32(row);
	recording->emitted = take_word(row);
	recording->stored = take_word(row);
	recording->lost = take_word(row);
	recording->kernel_release = take_text(row);
	recording->filter = take_text(row);
	recording->corelate_version = take_text(row);
}

static void read_process(struct columns *row, void *ret)
{
	struct process *process = ret;

	process->id = take(row);
	process->recording_id = take(row);
	process->pid = take_u32(row);
	process->namespace_pid = take_u32(row);
	process->parent_pid = take_u32(row);
	process->uid = take_u32(row);
	process->start_ns = take_word(row);
	process->first_seen_ns = take_word(row);
	process->exit_ns = take_word(row);
	process->exit_status = (int32_t)take(row);
	process->cgroup_id = take_word(row);
	take_name(row, process->comm, sizeof(process->comm));
	/* NULL in the rows of older recorders. */
	process->last_uid = sqlite3_column_type(row->statement, row->next) == SQLITE_NULL ? process->uid : 0;
	process->last_uid |= take_u32(row);
}

static void read_space(struct columns *row, void *ret)
{
	struct space *space = ret;

	space->id = take(row);
	space->process_id = take(row);
	space->parent_space_id = take(row);
	space->origin = (enum space_origin)take_u32(row);
	space->from_ns = take_word(row);
	space->to_ns = take_word(row);
	space->auxv_sysinfo_ehdr = take_word(row);
	space->auxv_random = take_word(row);
	space->auxv_entry = take_word(row);
	space->auxv_base = take_word(row);
	take_name(row, space->comm, sizeof(space->comm));
	space->executable_file_id = take(row);
}

static void read_file(struct columns *row, void *ret)
{
	struct file_identity *file = ret;

	file->id = take(row);
	file->device_major = take_u32(row);
	file->device_minor = take_u32(row);
	file->inode = take_word(row);
	file->path = take_text(row);
}

static void read_signal(struct columns *row, void *ret)
{
	struct signal_event *signal = ret;

	signal->id = take(row);
	signal->process_id = take(row);
	signal->space_id = take(row);
	signal->tid = take_u32(row);
	signal->namespace_tid = take_u32(row);
	signal->time_ns = take_word(row);
	signal->number = (int32_t)take(row);
	signal->code = (int32_t)take(row);
	signal->error_number = (int32_t)take(row);
	signal->address = take_word(row);
	signal->sender_pid = take_u32(row);
	signal->sender_uid = take_u32(row);
	signal->fatal = take(row) != 0;
	signal->handler = take_word(row);
	signal->trampoline = take_word(row);
	for (int i = 0; i < 18; i++)
		signal->registers[i] = take_word(row);
	take_name(row, signal->comm, sizeof(signal->comm));
	signal->directory = take_text(row);
}

static void read_marker(struct columns *row, void *ret)
{
	struct marker *marker = ret;

	marker->id = take(row);
	marker->space_id = take(row);
	marker->tid = take_u32(row);
	marker->enter_ns = take_word(row);
	marker->exit_ns = take_word(row);
	marker->ip = take_word(row);
	marker->option = (int32_t)take(row);
	for (int i = 0; i < 4; i++)
		marker->args[i] = take_word(row);
	marker->result = take(row);
	marker->text = take_text(row);
}

static void read_gap(struct columns *row, void *ret)
{
	struct gap *gap = ret;

	gap->id = take(row);
	gap->recording_id = take(row);
	gap->pid = take_u32(row);
	gap->cause = (enum gap_cause)take_u32(row);
	gap->from_ns = take_word(row);
	gap->to_ns = take_word(row);
	gap->lost = take_word(row);
}

static void read_return_instance(struct columns *row, void *ret)
{
	struct return_instance *instance = ret;

	instance->id = take(row);
	instance->signal_id = take(row);
	instance->tid = take_u32(row);
	instance->depth = take_u32(row);
	instance->function = take_word(row);
	instance->stack = take_word(row);
	instance->return_address = take_word(row);
	instance->chained = take(row) != 0;
	instance->device_major = take_u32(row);
	instance->device_minor = take_u32(row);
	instance->inode = take_word(row);
	instance->offset = take_word(row);
	instance->exit_state_id = take(row);
}

static void read_signal_sender(struct columns *row, void *ret)
{
	struct signal_sender *sender = ret;

	sender->signal_id = take(row);
	sender->pid = take_u32(row);
	sender->tid = take_u32(row);
	sender->time_ns = take_word(row);
	take_name(row, sender->comm, sizeof(sender->comm));
	sender->first_number = (int32_t)take(row);
	sender->first_code = (int32_t)take(row);
	sender->first_address = take_word(row);
	sender->first_system_call = (int32_t)take(row);
	sender->first_sender_pid = take_u32(row);
	sender->first_pid = take_u32(row);
	sender->first_tid = take_u32(row);
	sender->first_time_ns = take_word(row);
	take_name(row, sender->first_sender_comm, sizeof(sender->first_sender_comm));
}

static void read_exit_state(struct columns *row, void *ret)
{
	struct exit_state *state = ret;

	state->id = take(row);
	state->process_id = take(row);
	state->space_id = take(row);
	state->tid = take_u32(row);
	state->namespace_tid = take_u32(row);
	state->time_ns = take_word(row);
	state->status = (int32_t)take(row);
	state->trampoline = take_word(row);
	for (int i = 0; i < 18; i++)
		state->registers[i] = take_word(row);
	take_name(row, state->comm, sizeof(state->comm));
}

static void read_attached_probe(struct columns *row, void *ret)
{
	struct attached_probe *probe = ret;

	probe->id = take(row);
	probe->recording_id = take(row);
	probe->how = (enum probe_how)take_u32(row);
	probe->path = take_text(row);
	probe->device_major = take_u32(row);
	probe->device_minor = take_u32(row);
	probe->inode = take_word(row);
	probe->file_device_major = take_u32(row);
	probe->file_device_minor = take_u32(row);
	probe->file_inode = take_word(row);
	probe->offset = take_word(row);
	probe->at_return = take(row) != 0;
	probe->enabled = take(row) != 0;
	probe->only_pid = (int32_t)take(row);
	probe->program_id = take_u32(row);
	probe->left_out = take_u32(row);
	probe->holder_pid = take_u32(row);
	probe->holder_start_ns = take_word(row);
	take_name(row, probe->holder_comm, sizeof(probe->holder_comm));
	probe->holder_cgroup_id = take_word(row);
	probe->holder_cgroup = take_text(row);
	probe->attached_ns = take_word(row);
	probe->first_seen_ns = take_word(row);
	probe->last_seen_ns = take_word(row);
	probe->gone_ns = take_word(row);
}

static uint64_t exit_of(uint64_t enter_ns, int64_t duration_ns)
{
	return duration_ns < 0 ? 0 : enter_ns + (uint64_t)duration_ns;
}

static char *take_string(struct columns *columns)
{
	const char *text = (const char *)sqlite3_column_text(columns->statement, columns->next++);
	char *copy = strdup(text ? text : "");

	columns->no_memory |= !copy;
	return copy;
}

static char *take_bytes(struct columns *columns, uint32_t *ret_size)
{
	int column = columns->next++;
	const void *data;
	char *copy;

	if (sqlite3_column_type(columns->statement, column) == SQLITE_NULL)
		return NULL;
	data = sqlite3_column_blob(columns->statement, column);
	*ret_size = (uint32_t)sqlite3_column_bytes(columns->statement, column);
	copy = malloc((size_t)*ret_size + 1);
	if (!copy) {
		columns->no_memory = true;
		return NULL;
	}
	if (*ret_size)
		memcpy(copy, data, *ret_size);
	copy[*ret_size] = 0;
	return copy;
}

static void read_function(struct columns *row, void *ret)
{
	struct probed_function *function = ret;

	function->id = take(row);
	function->recording_id = take(row);
	function->file_id = take(row);
	function->offset = (uint64_t)take(row);
	function->role = (enum function_role)take(row);
	function->name = take_string(row);
	function->signature = take_string(row);
	function->hole = take_string(row);
}

static void read_coverage(struct columns *row, void *ret)
{
	struct probe_coverage *coverage = ret;

	coverage->id = take(row);
	coverage->recording_id = take(row);
	coverage->process_id = take(row);
	coverage->from_ns = (uint64_t)take(row);
	coverage->heap = take(row) != 0;
}

static void read_call(struct columns *row, void *ret)
{
	struct call_event *event = ret;

	event->id = take(row);
	event->space_id = take(row);
	event->function_id = take(row);
	event->tid = (uint32_t)take(row);
	event->enter_ns = (uint64_t)take(row);
	event->exit_ns = exit_of(event->enter_ns, take(row));
	event->ip = (uint64_t)take(row);
	event->sp = (uint64_t)take(row);
	event->top_word = (uint64_t)take(row);
	for (int i = 0; i < 6; i++)
		event->args[i] = (uint64_t)take(row);
	event->result = (uint64_t)take(row);
	for (int i = 0; i < 6; i++)
		event->texts[i] = take_bytes(row, &event->text_bytes[i]);
	event->stack_id = take(row);
}

void read_heap_event(sqlite3_stmt *statement, struct heap_event *ret_event)
{
	struct columns row = {.statement = statement};

	ret_event->id = take(&row);
	ret_event->space_id = take(&row);
	ret_event->function_id = take(&row);
	ret_event->role = (enum function_role)take(&row);
	ret_event->tid = (uint32_t)take(&row);
	ret_event->enter_ns = (uint64_t)take(&row);
	ret_event->exit_ns = exit_of(ret_event->enter_ns, take(&row));
	ret_event->ip = (uint64_t)take(&row);
	ret_event->sp = (uint64_t)take(&row);
	ret_event->top_word = (uint64_t)take(&row);
	ret_event->old_block = (uint64_t)take(&row);
	ret_event->block = (uint64_t)take(&row);
	ret_event->size = (uint64_t)take(&row);
	ret_event->alignment = (uint64_t)take(&row);
	ret_event->stack_id = take(&row);
}

void read_event(sqlite3_stmt *statement, struct memory_event *ret_event)
{
	struct columns row = {.statement = statement};
	uint64_t duration_ns;

	ret_event->id = take(&row);
	ret_event->space_id = take(&row);
	ret_event->tid = take_u32(&row);
	ret_event->kind = (enum memory_kind)take_u32(&row);
	ret_event->enter_ns = take_word(&row);
	duration_ns = take_word(&row);
	ret_event->exit_ns = ret_event->enter_ns + duration_ns;
	ret_event->ip = take_word(&row);
	ret_event->sp = take_word(&row);
	ret_event->top_word = take_word(&row);
	ret_event->result = take(&row);
	for (int i = 0; i < 6; i++)
		ret_event->args[i] = take_word(&row);
	ret_event->file_id = take(&row);
	ret_event->stack_id = take(&row);
}

static void deinit_attached_probe(void *row)
{
	attached_probe_deinit(row);
}

static void deinit_recording(void *row)
{
	recording_deinit(row);
}

static void deinit_file(void *row)
{
	file_identity_deinit(row);
}

static void deinit_signal(void *row)
{
	signal_event_deinit(row);
}

static void deinit_marker(void *row)
{
	marker_deinit(row);
}

const struct row_type store_recording_type = {sizeof(struct recording), read_recording, deinit_recording};
const struct row_type store_process_type = {sizeof(struct process), read_process, NULL};
const struct row_type store_space_type = {sizeof(struct space), read_space, NULL};
const struct row_type store_file_type = {sizeof(struct file_identity), read_file, deinit_file};
const struct row_type store_signal_type = {sizeof(struct signal_event), read_signal, deinit_signal};
const struct row_type store_marker_type = {sizeof(struct marker), read_marker, deinit_marker};
const struct row_type store_gap_type = {sizeof(struct gap), read_gap, NULL};
const struct row_type store_instance_type = {sizeof(struct return_instance), read_return_instance, NULL};
const struct row_type store_signal_sender_type = {sizeof(struct signal_sender), read_signal_sender, NULL};
const struct row_type store_exit_state_type = {sizeof(struct exit_state), read_exit_state, NULL};
const struct row_type store_probe_type = {sizeof(struct attached_probe), read_attached_probe, deinit_attached_probe};

static void deinit_call(void *row)
{
	call_event_deinit(row);
}

static void deinit_function(void *row)
{
	probed_function_deinit(row);
}

const struct row_type store_function_type = {sizeof(struct probed_function), read_function, deinit_function};
const struct row_type store_coverage_type = {sizeof(struct probe_coverage), read_coverage, NULL};
const struct row_type store_call_type = {sizeof(struct call_event), read_call, deinit_call};
