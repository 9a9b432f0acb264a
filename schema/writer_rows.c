/* SPDX-License-Identifier: MIT */
/*
 * The writer's rows: values bound in the order of the columns of migrations/001-tables.sql.
 */
#include <string.h>

#include "schema/connection.h"
#include "schema/record_call.h"
#include "schema/record_death.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"
#include "schema/record_memory.h"
#include "schema/record_probe.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"
#include "schema/writer.h"
#include "schema/writer_internal.h"

void store_put(struct values *values, int64_t value)
{
	sqlite3_bind_int64(values->statement, ++values->count, value);
}

static void put_word(struct values *values, uint64_t value)
{
	store_put(values, (int64_t)value);
}

void store_put_time(struct values *values, uint64_t time_ns)
{
	store_put(values, store_time(time_ns));
}

void store_put_text(struct values *values, const char *text)
{
	sqlite3_bind_text(values->statement, ++values->count, text ? text : "", -1, SQLITE_STATIC);
}

void store_put_blob(struct values *values, const void *data, size_t size)
{
	/* A blob of no bytes is not NULL, whatever its address. */
	if (data)
		sqlite3_bind_blob64(values->statement, ++values->count, data, size, SQLITE_STATIC);
	else
		sqlite3_bind_null(values->statement, ++values->count);
}

/* A kernel name need not end in NUL. */
static void put_name(struct values *values, const char *name, size_t size)
{
	sqlite3_bind_text(values->statement, ++values->count, name, (int)strnlen(name, size), SQLITE_STATIC);
}

struct values store_start_row(struct store_writer *writer, enum statement which)
{
	struct values values = {.statement = writer->statements[which]};

	if (which < COUNTED_TABLES)
		store_put(&values, writer->last_ids[which] + 1);
	return values;
}

struct error *store_finish_row(struct store_writer *writer, enum statement which, int64_t *ret_id)
{
	struct error *err = store_writer_run(writer, which);

	if (err)
		return err;
	*ret_id = sqlite3_last_insert_rowid(writer->connection.db);
	if (which < COUNTED_TABLES)
		writer->last_ids[which] = *ret_id;
	return NULL;
}

struct error *store_finish_event_row(struct store_writer *writer, enum statement which, int64_t *ret_id)
{
	struct error *err = store_finish_row(writer, which, ret_id);

	if (!err)
		writer->pending++;
	return err;
}

struct error *store_writer_add_recording(struct store_writer *writer, const struct recording *recording,
					 int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_RECORDING);

	put_name(&row, recording->boot_id, sizeof(recording->boot_id));
	store_put_time(&row, recording->started_ns);
	store_put_time(&row, recording->ended_ns);
	store_put_time(&row, recording->last_commit_ns);
	store_put(&row, recording->realtime_offset_ns);
	store_put(&row, recording->abi_version);
	put_word(&row, recording->emitted);
	put_word(&row, recording->stored);
	put_word(&row, recording->lost);
	store_put_text(&row, recording->kernel_release);
	store_put_text(&row, recording->filter);
	store_put_text(&row, recording->corelate_version);
	return store_finish_row(writer, ADD_RECORDING, ret_id);
}

struct error *store_writer_add_process(struct store_writer *writer, const struct process *process, int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_PROCESS);

	store_put(&row, process->recording_id);
	store_put(&row, process->pid);
	store_put(&row, process->namespace_pid);
	store_put(&row, process->parent_pid);
	store_put(&row, process->uid);
	store_put_time(&row, process->start_ns);
	store_put_time(&row, process->first_seen_ns);
	store_put_time(&row, process->exit_ns);
	store_put(&row, process->exit_status);
	put_word(&row, process->cgroup_id);
	put_name(&row, process->comm, sizeof(process->comm));
	store_put(&row, process->last_uid);
	return store_finish_row(writer, ADD_PROCESS, ret_id);
}

struct error *store_writer_add_space(struct store_writer *writer, const struct space *space, int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_SPACE);

	store_put(&row, space->process_id);
	store_put(&row, space->parent_space_id);
	store_put(&row, space->origin);
	store_put_time(&row, space->from_ns);
	store_put_time(&row, space->to_ns);
	put_word(&row, space->auxv_sysinfo_ehdr);
	put_word(&row, space->auxv_random);
	put_word(&row, space->auxv_entry);
	put_word(&row, space->auxv_base);
	put_name(&row, space->comm, sizeof(space->comm));
	store_put(&row, space->executable_file_id);
	return store_finish_row(writer, ADD_SPACE, ret_id);
}

/* The hot path: values go straight in. */
struct error *store_writer_add_memory_event(struct store_writer *writer, const struct memory_event *event,
					    int64_t *ret_id)
{
	sqlite3_stmt *statement = writer->statements[ADD_EVENT];
	struct memory_event stored = *event;
	struct error *err;

	sqlite3_bind_int64(statement, 1, event->space_id);
	sqlite3_bind_int64(statement, 2, event->tid);
	sqlite3_bind_int64(statement, 3, event->kind);
	sqlite3_bind_int64(statement, 4, store_time(event->enter_ns));
	sqlite3_bind_int64(statement, 5,
			   event->exit_ns > event->enter_ns ? store_time(event->exit_ns - event->enter_ns) : 0);
	sqlite3_bind_int64(statement, 6, (int64_t)event->ip);
	sqlite3_bind_int64(statement, 7, (int64_t)event->sp);
	sqlite3_bind_int64(statement, 8, (int64_t)event->top_word);
	sqlite3_bind_int64(statement, 9, event->result);
	for (int i = 0; i < 6; i++)
		sqlite3_bind_int64(statement, 10 + i, (int64_t)event->args[i]);
	sqlite3_bind_int64(statement, 16, event->file_id);
	sqlite3_bind_int64(statement, 17, event->stack_id);
	err = store_finish_event_row(writer, ADD_EVENT, ret_id);
	if (err)
		return err;
	/* The event is in. A summary that could not be written costs a later reader time and no truth, and what it may
	 * have made SQLite roll back is told by the next commit. */
	stored.id = *ret_id;
	error_destroy(store_writer_add_to_block(writer, &stored));
	return NULL;
}

struct error *store_writer_add_marker(struct store_writer *writer, const struct marker *marker, int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_MARKER);

	store_put(&row, marker->space_id);
	store_put(&row, marker->tid);
	store_put_time(&row, marker->enter_ns);
	store_put_time(&row, marker->exit_ns);
	put_word(&row, marker->ip);
	store_put(&row, marker->option);
	for (int i = 0; i < 4; i++)
		put_word(&row, marker->args[i]);
	store_put(&row, marker->result);
	if (marker->text)
		store_put_text(&row, marker->text);
	else
		sqlite3_bind_null(row.statement, ++row.count);
	return store_finish_event_row(writer, ADD_MARKER, ret_id);
}

struct error *store_writer_add_thread_start(struct store_writer *writer, const struct thread_start *start,
					    int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_THREAD_START);

	store_put(&row, start->process_id);
	store_put(&row, start->tid);
	store_put_time(&row, start->time_ns);
	return store_finish_event_row(writer, ADD_THREAD_START, ret_id);
}

struct error *store_writer_add_signal(struct store_writer *writer, const struct signal_event *signal, int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_SIGNAL);

	store_put(&row, signal->process_id);
	store_put(&row, signal->space_id);
	store_put(&row, signal->tid);
	store_put(&row, signal->namespace_tid);
	store_put_time(&row, signal->time_ns);
	store_put(&row, signal->number);
	store_put(&row, signal->code);
	store_put(&row, signal->error_number);
	put_word(&row, signal->address);
	store_put(&row, signal->sender_pid);
	store_put(&row, signal->sender_uid);
	store_put(&row, signal->fatal);
	put_word(&row, signal->handler);
	put_word(&row, signal->trampoline);
	for (int i = 0; i < 18; i++)
		put_word(&row, signal->registers[i]);
	put_name(&row, signal->comm, sizeof(signal->comm));
	store_put_text(&row, signal->directory);
	return store_finish_event_row(writer, ADD_SIGNAL, ret_id);
}

struct error *store_writer_add_signal_sender(struct store_writer *writer, const struct signal_sender *sender)
{
	struct values row = store_start_row(writer, ADD_SIGNAL_SENDER);
	int64_t id;

	store_put(&row, sender->signal_id);
	store_put(&row, sender->pid);
	store_put(&row, sender->tid);
	store_put_time(&row, sender->time_ns);
	put_name(&row, sender->comm, sizeof(sender->comm));
	store_put(&row, sender->first_number);
	store_put(&row, sender->first_code);
	put_word(&row, sender->first_address);
	store_put(&row, sender->first_system_call);
	store_put(&row, sender->first_sender_pid);
	store_put(&row, sender->first_pid);
	store_put(&row, sender->first_tid);
	store_put_time(&row, sender->first_time_ns);
	put_name(&row, sender->first_sender_comm, sizeof(sender->first_sender_comm));
	return store_finish_row(writer, ADD_SIGNAL_SENDER, &id);
}

struct error *store_writer_add_exit_state(struct store_writer *writer, const struct exit_state *state, int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_EXIT_STATE);

	store_put(&row, state->process_id);
	store_put(&row, state->space_id);
	store_put(&row, state->tid);
	store_put(&row, state->namespace_tid);
	store_put_time(&row, state->time_ns);
	store_put(&row, state->status);
	put_word(&row, state->trampoline);
	for (int i = 0; i < 18; i++)
		put_word(&row, state->registers[i]);
	put_name(&row, state->comm, sizeof(state->comm));
	return store_finish_event_row(writer, ADD_EXIT_STATE, ret_id);
}

struct error *store_writer_add_attached_probe(struct store_writer *writer, const struct attached_probe *probe,
					      int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_PROBE);

	store_put(&row, probe->recording_id);
	store_put(&row, probe->how);
	store_put_text(&row, probe->path);
	store_put(&row, probe->device_major);
	store_put(&row, probe->device_minor);
	put_word(&row, probe->inode);
	store_put(&row, probe->file_device_major);
	store_put(&row, probe->file_device_minor);
	put_word(&row, probe->file_inode);
	put_word(&row, probe->offset);
	store_put(&row, probe->at_return);
	store_put(&row, probe->enabled);
	store_put(&row, probe->only_pid);
	store_put(&row, probe->program_id);
	store_put(&row, probe->left_out);
	store_put(&row, probe->holder_pid);
	store_put_time(&row, probe->holder_start_ns);
	put_name(&row, probe->holder_comm, sizeof(probe->holder_comm));
	put_word(&row, probe->holder_cgroup_id);
	store_put_text(&row, probe->holder_cgroup);
	store_put_time(&row, probe->attached_ns);
	store_put_time(&row, probe->first_seen_ns);
	store_put_time(&row, probe->last_seen_ns);
	store_put_time(&row, probe->gone_ns);
	return store_finish_row(writer, ADD_PROBE, ret_id);
}

struct error *store_writer_update_attached_probe(struct store_writer *writer, const struct attached_probe *probe)
{
	struct values row = store_start_row(writer, UPDATE_PROBE);

	store_put(&row, probe->enabled);
	store_put(&row, probe->only_pid);
	store_put(&row, probe->program_id);
	put_name(&row, probe->holder_comm, sizeof(probe->holder_comm));
	store_put_time(&row, probe->attached_ns);
	store_put_time(&row, probe->first_seen_ns);
	store_put_time(&row, probe->last_seen_ns);
	store_put_time(&row, probe->gone_ns);
	store_put(&row, probe->id);
	return store_writer_run(writer, UPDATE_PROBE);
}

struct error *store_writer_add_return_instance(struct store_writer *writer, const struct return_instance *instance,
					       int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_RETURN_INSTANCE);

	store_put(&row, instance->signal_id);
	store_put(&row, instance->tid);
	store_put(&row, instance->depth);
	put_word(&row, instance->function);
	put_word(&row, instance->stack);
	put_word(&row, instance->return_address);
	store_put(&row, instance->chained);
	store_put(&row, instance->device_major);
	store_put(&row, instance->device_minor);
	put_word(&row, instance->inode);
	put_word(&row, instance->offset);
	store_put(&row, instance->exit_state_id);
	return store_finish_event_row(writer, ADD_RETURN_INSTANCE, ret_id);
}

struct error *store_writer_add_call_result(struct store_writer *writer, const struct call_result *result)
{
	struct values row = store_start_row(writer, ADD_CALL_RESULT);
	int64_t id;

	store_put(&row, result->space_id);
	store_put(&row, result->tid);
	store_put(&row, result->number);
	store_put_time(&row, result->enter_ns);
	store_put(&row, (int64_t)(result->exit_ns > result->enter_ns ? result->exit_ns - result->enter_ns : 0));
	store_put(&row, result->result);
	for (int i = 0; i < 3; i++)
		put_word(&row, result->args[i]);
	put_word(&row, result->ip);
	put_word(&row, result->sp);
	put_word(&row, result->top_word);
	return store_finish_event_row(writer, ADD_CALL_RESULT, &id);
}

struct error *store_writer_add_space_sharer(struct store_writer *writer, int64_t space_id, int64_t process_id,
					    uint64_t from_ns)
{
	struct values row = store_start_row(writer, ADD_SPACE_SHARER);
	int64_t id;

	store_put(&row, space_id);
	store_put(&row, process_id);
	store_put_time(&row, from_ns);
	return store_finish_row(writer, ADD_SPACE_SHARER, &id);
}

struct error *store_writer_add_gap(struct store_writer *writer, const struct gap *gap, int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_GAP);

	store_put(&row, gap->recording_id);
	store_put(&row, gap->pid);
	store_put(&row, gap->cause);
	store_put_time(&row, gap->from_ns);
	store_put_time(&row, gap->to_ns);
	put_word(&row, gap->lost);
	return store_finish_row(writer, ADD_GAP, ret_id);
}

/* 0 when there is no such row. */
static struct error *find_file(struct store_writer *writer, const struct file_identity *file, int64_t *ret_id)
{
	struct values key = store_start_row(writer, FIND_FILE);
	int status;

	store_put(&key, file->device_major);
	store_put(&key, file->device_minor);
	put_word(&key, file->inode);
	store_put_text(&key, file->path);
	status = sqlite3_step(key.statement);
	*ret_id = status == SQLITE_ROW ? sqlite3_column_int64(key.statement, 0) : 0;
	status = sqlite3_reset(key.statement);
	return status == SQLITE_OK ? NULL
				   : store_connection_error(&writer->connection, status, "cannot look up a file");
}

struct error *store_writer_add_file(struct store_writer *writer, const struct file_identity *file, int64_t *ret_id)
{
	struct error *err = find_file(writer, file, ret_id);
	struct values row;

	if (err || *ret_id != 0)
		return err;
	row = store_start_row(writer, ADD_FILE);
	store_put(&row, file->device_major);
	store_put(&row, file->device_minor);
	put_word(&row, file->inode);
	store_put_text(&row, file->path);
	return store_finish_row(writer, ADD_FILE, ret_id);
}

struct error *store_writer_end_recording(struct store_writer *writer, const struct recording *recording)
{
	struct values row = store_start_row(writer, END_RECORDING);

	store_put_time(&row, recording->ended_ns);
	put_word(&row, recording->emitted);
	put_word(&row, recording->stored);
	put_word(&row, recording->lost);
	store_put(&row, recording->id);
	return store_writer_run(writer, END_RECORDING);
}

struct error *store_writer_update_process(struct store_writer *writer, const struct process *process)
{
	struct values row = store_start_row(writer, UPDATE_PROCESS);

	put_name(&row, process->comm, sizeof(process->comm));
	store_put(&row, process->last_uid);
	store_put_time(&row, process->exit_ns);
	store_put(&row, process->exit_status);
	store_put(&row, process->id);
	return store_writer_run(writer, UPDATE_PROCESS);
}

struct error *store_writer_end_space(struct store_writer *writer, int64_t space_id, uint64_t to_ns)
{
	struct values row = store_start_row(writer, END_SPACE);

	store_put_time(&row, to_ns);
	store_put(&row, space_id);
	return store_writer_run(writer, END_SPACE);
}

struct error *store_writer_set_space_parent(struct store_writer *writer, int64_t space_id, int64_t parent_space_id)
{
	struct values row = store_start_row(writer, SET_SPACE_PARENT);

	store_put(&row, parent_space_id);
	store_put(&row, space_id);
	return store_writer_run(writer, SET_SPACE_PARENT);
}

struct error *store_writer_end_left_spaces(struct store_writer *writer, int64_t recording_id)
{
	struct values row = store_start_row(writer, END_LEFT_SPACES);

	store_put(&row, recording_id);
	return store_writer_run(writer, END_LEFT_SPACES);
}

int64_t store_writer_last_file(const struct store_writer *writer)
{
	return writer->last_ids[ADD_FILE];
}

struct error *store_writer_name_file(struct store_writer *writer, const struct file_identity *file)
{
	struct values row = store_start_row(writer, NAME_FILE);

	store_put_text(&row, file->path);
	store_put(&row, file->id);
	return store_writer_run(writer, NAME_FILE);
}

/* The lock on the store says that no other recorder is alive, so that every recording without an end is an abandoned
 * one. The gap has no end: that recording knows nothing of what came later. ended_ns stays 0, and the gap itself tells
 * the next recorder that this was done. */
struct error *store_writer_close_abandoned(struct store_writer *writer)
{
	struct error *err = store_writer_run(writer, CLOSE_ABANDONED);

	return err ? err : store_writer_end_transaction(writer);
}
