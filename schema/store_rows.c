/* SPDX-License-Identifier: MIT */
/*
 * The writer's rows: values bound in the order of the columns of migrations/001-tables.sql.
 */
#include <string.h>

#include "schema/store.h"
#include "schema/store_internal.h"

/* Binds values one after the other. A failed binding (no memory) leaves NULL there, which NOT NULL refuses. */
struct values {
	sqlite3_stmt *statement;
	int count;
};

static void put(struct values *values, int64_t value)
{
	sqlite3_bind_int64(values->statement, ++values->count, value);
}

static void put_word(struct values *values, uint64_t value)
{
	put(values, (int64_t)value);
}

static void put_time(struct values *values, uint64_t time_ns)
{
	put(values, store_time(time_ns));
}

/* The text must live until the statement has run. */
static void put_text(struct values *values, const char *text)
{
	sqlite3_bind_text(values->statement, ++values->count, text ? text : "", -1, SQLITE_STATIC);
}

/* A kernel name need not end in NUL. */
static void put_name(struct values *values, const char *name, size_t size)
{
	sqlite3_bind_text(values->statement, ++values->count, name, (int)strnlen(name, size), SQLITE_STATIC);
}

static struct values start_row(struct store_writer *writer, enum statement which)
{
	struct values values = {.statement = writer->statements[which]};

	if (which < COUNTED_TABLES)
		put(&values, writer->last_ids[which] + 1);
	return values;
}

static struct error *finish_row(struct store_writer *writer, enum statement which, int64_t *ret_id)
{
	struct error *err = store_writer_run(writer, which);

	if (err)
		return err;
	*ret_id = sqlite3_last_insert_rowid(writer->connection.db);
	if (which < COUNTED_TABLES)
		writer->last_ids[which] = *ret_id;
	return NULL;
}

/* Rows that the books count. */
static struct error *finish_event_row(struct store_writer *writer, enum statement which, int64_t *ret_id)
{
	struct error *err = finish_row(writer, which, ret_id);

	if (!err)
		writer->pending++;
	return err;
}

struct error *store_writer_add_recording(struct store_writer *writer, const struct recording *recording,
					 int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_RECORDING);

	put_name(&row, recording->boot_id, sizeof(recording->boot_id));
	put_time(&row, recording->started_ns);
	put_time(&row, recording->ended_ns);
	put_time(&row, recording->last_commit_ns);
	put(&row, recording->realtime_offset_ns);
	put(&row, recording->abi_version);
	put_word(&row, recording->emitted);
	put_word(&row, recording->stored);
	put_word(&row, recording->lost);
	put_text(&row, recording->kernel_release);
	put_text(&row, recording->filter);
	put_text(&row, recording->corelate_version);
	return finish_row(writer, ADD_RECORDING, ret_id);
}

struct error *store_writer_add_process(struct store_writer *writer, const struct process *process, int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_PROCESS);

	put(&row, process->recording_id);
	put(&row, process->pid);
	put(&row, process->namespace_pid);
	put(&row, process->parent_pid);
	put(&row, process->uid);
	put_time(&row, process->start_ns);
	put_time(&row, process->first_seen_ns);
	put_time(&row, process->exit_ns);
	put(&row, process->exit_status);
	put_word(&row, process->cgroup_id);
	put_name(&row, process->comm, sizeof(process->comm));
	return finish_row(writer, ADD_PROCESS, ret_id);
}

struct error *store_writer_add_space(struct store_writer *writer, const struct space *space, int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_SPACE);

	put(&row, space->process_id);
	put(&row, space->parent_space_id);
	put(&row, space->origin);
	put_time(&row, space->from_ns);
	put_time(&row, space->to_ns);
	put_word(&row, space->auxv_sysinfo_ehdr);
	put_word(&row, space->auxv_random);
	put_word(&row, space->auxv_entry);
	put_word(&row, space->auxv_base);
	put_name(&row, space->comm, sizeof(space->comm));
	put(&row, space->executable_file_id);
	return finish_row(writer, ADD_SPACE, ret_id);
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
	err = finish_event_row(writer, ADD_EVENT, ret_id);
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
	struct values row = start_row(writer, ADD_MARKER);

	put(&row, marker->space_id);
	put(&row, marker->tid);
	put_time(&row, marker->enter_ns);
	put_time(&row, marker->exit_ns);
	put_word(&row, marker->ip);
	put(&row, marker->option);
	for (int i = 0; i < 4; i++)
		put_word(&row, marker->args[i]);
	put(&row, marker->result);
	if (marker->text)
		put_text(&row, marker->text);
	else
		sqlite3_bind_null(row.statement, ++row.count);
	return finish_event_row(writer, ADD_MARKER, ret_id);
}

struct error *store_writer_add_thread_start(struct store_writer *writer, const struct thread_start *start,
					    int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_THREAD_START);

	put(&row, start->process_id);
	put(&row, start->tid);
	put_time(&row, start->time_ns);
	return finish_event_row(writer, ADD_THREAD_START, ret_id);
}

struct error *store_writer_add_signal(struct store_writer *writer, const struct signal_event *signal, int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_SIGNAL);

	put(&row, signal->process_id);
	put(&row, signal->space_id);
	put(&row, signal->tid);
	put(&row, signal->namespace_tid);
	put_time(&row, signal->time_ns);
	put(&row, signal->number);
	put(&row, signal->code);
	put(&row, signal->error_number);
	put_word(&row, signal->address);
	put(&row, signal->sender_pid);
	put(&row, signal->sender_uid);
	put(&row, signal->fatal);
	put_word(&row, signal->handler);
	put_word(&row, signal->trampoline);
	for (int i = 0; i < 18; i++)
		put_word(&row, signal->registers[i]);
	put_name(&row, signal->comm, sizeof(signal->comm));
	put_text(&row, signal->directory);
	return finish_event_row(writer, ADD_SIGNAL, ret_id);
}

struct error *store_writer_add_exit_state(struct store_writer *writer, const struct exit_state *state, int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_EXIT_STATE);

	put(&row, state->process_id);
	put(&row, state->space_id);
	put(&row, state->tid);
	put(&row, state->namespace_tid);
	put_time(&row, state->time_ns);
	put(&row, state->status);
	put_word(&row, state->trampoline);
	for (int i = 0; i < 18; i++)
		put_word(&row, state->registers[i]);
	put_name(&row, state->comm, sizeof(state->comm));
	return finish_event_row(writer, ADD_EXIT_STATE, ret_id);
}

struct error *store_writer_add_attached_probe(struct store_writer *writer, const struct attached_probe *probe,
					      int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_PROBE);

	put(&row, probe->recording_id);
	put(&row, probe->how);
	put_text(&row, probe->path);
	put(&row, probe->device_major);
	put(&row, probe->device_minor);
	put_word(&row, probe->inode);
	put(&row, probe->file_device_major);
	put(&row, probe->file_device_minor);
	put_word(&row, probe->file_inode);
	put_word(&row, probe->offset);
	put(&row, probe->at_return);
	put(&row, probe->enabled);
	put(&row, probe->only_pid);
	put(&row, probe->program_id);
	put(&row, probe->left_out);
	put(&row, probe->holder_pid);
	put_time(&row, probe->holder_start_ns);
	put_name(&row, probe->holder_comm, sizeof(probe->holder_comm));
	put_word(&row, probe->holder_cgroup_id);
	put_text(&row, probe->holder_cgroup);
	put_time(&row, probe->attached_ns);
	put_time(&row, probe->first_seen_ns);
	put_time(&row, probe->last_seen_ns);
	put_time(&row, probe->gone_ns);
	return finish_row(writer, ADD_PROBE, ret_id);
}

struct error *store_writer_update_attached_probe(struct store_writer *writer, const struct attached_probe *probe)
{
	struct values row = start_row(writer, UPDATE_PROBE);

	put(&row, probe->enabled);
	put(&row, probe->only_pid);
	put(&row, probe->program_id);
	put_name(&row, probe->holder_comm, sizeof(probe->holder_comm));
	put_time(&row, probe->attached_ns);
	put_time(&row, probe->first_seen_ns);
	put_time(&row, probe->last_seen_ns);
	put_time(&row, probe->gone_ns);
	put(&row, probe->id);
	return store_writer_run(writer, UPDATE_PROBE);
}

struct error *store_writer_add_return_instance(struct store_writer *writer, const struct return_instance *instance,
					       int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_RETURN_INSTANCE);

	put(&row, instance->signal_id);
	put(&row, instance->tid);
	put(&row, instance->depth);
	put_word(&row, instance->function);
	put_word(&row, instance->stack);
	put_word(&row, instance->return_address);
	put(&row, instance->chained);
	put(&row, instance->device_major);
	put(&row, instance->device_minor);
	put_word(&row, instance->inode);
	put_word(&row, instance->offset);
	put(&row, instance->exit_state_id);
	return finish_event_row(writer, ADD_RETURN_INSTANCE, ret_id);
}

struct error *store_writer_add_gap(struct store_writer *writer, const struct gap *gap, int64_t *ret_id)
{
	struct values row = start_row(writer, ADD_GAP);

	put(&row, gap->recording_id);
	put(&row, gap->pid);
	put(&row, gap->cause);
	put_time(&row, gap->from_ns);
	put_time(&row, gap->to_ns);
	put_word(&row, gap->lost);
	return finish_row(writer, ADD_GAP, ret_id);
}

/* 0 when there is no such row. */
static struct error *find_file(struct store_writer *writer, const struct file_identity *file, int64_t *ret_id)
{
	struct values key = start_row(writer, FIND_FILE);
	int status;

	put(&key, file->device_major);
	put(&key, file->device_minor);
	put_word(&key, file->inode);
	put_text(&key, file->path);
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
	row = start_row(writer, ADD_FILE);
	put(&row, file->device_major);
	put(&row, file->device_minor);
	put_word(&row, file->inode);
	put_text(&row, file->path);
	return finish_row(writer, ADD_FILE, ret_id);
}

struct error *store_writer_end_recording(struct store_writer *writer, const struct recording *recording)
{
	struct values row = start_row(writer, END_RECORDING);

	put_time(&row, recording->ended_ns);
	put_word(&row, recording->emitted);
	put_word(&row, recording->stored);
	put_word(&row, recording->lost);
	put(&row, recording->id);
	return store_writer_run(writer, END_RECORDING);
}

struct error *store_writer_end_process(struct store_writer *writer, int64_t process_id, uint64_t exit_ns,
				       int32_t exit_status)
{
	struct values row = start_row(writer, END_PROCESS);

	put_time(&row, exit_ns);
	put(&row, exit_status);
	put(&row, process_id);
	return store_writer_run(writer, END_PROCESS);
}

struct error *store_writer_end_space(struct store_writer *writer, int64_t space_id, uint64_t to_ns)
{
	struct values row = start_row(writer, END_SPACE);

	put_time(&row, to_ns);
	put(&row, space_id);
	return store_writer_run(writer, END_SPACE);
}

struct error *store_writer_rename_process(struct store_writer *writer, int64_t process_id, const char *comm)
{
	struct values row = start_row(writer, RENAME_PROCESS);

	put_name(&row, comm, sizeof(((struct process *)NULL)->comm));
	put(&row, process_id);
	return store_writer_run(writer, RENAME_PROCESS);
}

/* The lock on the store says that no other recorder is alive, so that every recording without an end is an abandoned
 * one. The gap has no end: that recording knows nothing of what came later. ended_ns stays 0, and the gap itself tells
 * the next recorder that this was done. */
struct error *store_writer_close_abandoned(struct store_writer *writer)
{
	struct error *err = store_writer_run(writer, CLOSE_ABANDONED);

	return err ? err : store_writer_end_transaction(writer);
}
