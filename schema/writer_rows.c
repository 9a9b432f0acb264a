/* SPDX-License-Identifier: MIT */
#include "schema/connection.h"
#include "schema/record_call.h"
#include "schema/record_death.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"
#include "schema/record_memory.h"
#include "schema/record_probe.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"
#include "schema/row.h"
#include "schema/writer.h"
#include "schema/writer_internal.h"
/* The rows that a writer adds and changes. */

struct error *store_writer_add_recording(struct store_writer *writer, const struct recording *recording,
					 int64_t *ret_id)
{
	return store_writer_insert(writer, ADD_RECORDING, recording, ret_id);
}

struct error *store_writer_add_process(struct store_writer *writer, const struct process *process, int64_t *ret_id)
{
	return store_writer_insert(writer, ADD_PROCESS, process, ret_id);
}

struct error *store_writer_add_space(struct store_writer *writer, const struct space *space, int64_t *ret_id)
{
	return store_writer_insert(writer, ADD_SPACE, space, ret_id);
}

/* The event is in. A summary that could not be written costs a later reader time and no truth, and what it may have
 * made SQLite roll back is told by the next commit. */
struct error *store_writer_add_memory_event(struct store_writer *writer, const struct memory_event *event,
					    int64_t *ret_id)
{
	struct error *err = store_writer_insert_event(writer, ADD_EVENT, event, ret_id);

	if (!err)
		error_destroy(store_writer_add_to_event_run(writer, *ret_id, event));
	return err;
}

/* As for memory events. */
struct error *store_writer_add_heap_event(struct store_writer *writer, const struct heap_event *event, int64_t *ret_id)
{
	struct error *err = store_writer_insert_event(writer, ADD_HEAP, event, ret_id);

	if (!err)
		error_destroy(store_writer_add_to_heap_run(writer, *ret_id, event));
	return err;
}

struct error *store_writer_add_marker(struct store_writer *writer, const struct marker *marker, int64_t *ret_id)
{
	return store_writer_insert_event(writer, ADD_MARKER, marker, ret_id);
}

struct error *store_writer_add_thread_start(struct store_writer *writer, const struct thread_start *start,
					    int64_t *ret_id)
{
	return store_writer_insert_event(writer, ADD_THREAD_START, start, ret_id);
}

struct error *store_writer_add_signal(struct store_writer *writer, const struct signal_event *signal, int64_t *ret_id)
{
	return store_writer_insert_event(writer, ADD_SIGNAL, signal, ret_id);
}

struct error *store_writer_add_signal_sender(struct store_writer *writer, const struct signal_sender *sender)
{
	return store_writer_run(writer, ADD_SIGNAL_SENDER, sender);
}

struct error *store_writer_add_exit_state(struct store_writer *writer, const struct exit_state *state, int64_t *ret_id)
{
	return store_writer_insert_event(writer, ADD_EXIT_STATE, state, ret_id);
}

struct error *store_writer_add_return_instance(struct store_writer *writer, const struct return_instance *instance,
					       int64_t *ret_id)
{
	return store_writer_insert_event(writer, ADD_RETURN_INSTANCE, instance, ret_id);
}

struct error *store_writer_add_attached_probe(struct store_writer *writer, const struct attached_probe *probe,
					      int64_t *ret_id)
{
	return store_writer_insert(writer, ADD_PROBE, probe, ret_id);
}

struct error *store_writer_update_attached_probe(struct store_writer *writer, const struct attached_probe *probe)
{
	return store_writer_run(writer, UPDATE_PROBE, probe);
}

struct error *store_writer_add_call_result(struct store_writer *writer, const struct call_result *result)
{
	int64_t id;

	return store_writer_insert_event(writer, ADD_CALL_RESULT, result, &id);
}

struct error *store_writer_add_space_sharer(struct store_writer *writer, int64_t space_id, int64_t process_id,
					    uint64_t from_ns)
{
	const struct space_sharer sharer = {.space_id = space_id, .process_id = process_id, .from_ns = from_ns};

	return store_writer_run(writer, ADD_SPACE_SHARER, &sharer);
}

struct error *store_writer_add_gap(struct store_writer *writer, const struct gap *gap, int64_t *ret_id)
{
	return store_writer_insert(writer, ADD_GAP, gap, ret_id);
}

struct error *store_writer_add_function(struct store_writer *writer, const struct probed_function *function,
					int64_t *ret_id)
{
	return store_writer_insert(writer, ADD_FUNCTION, function, ret_id);
}

struct error *store_writer_add_probe_coverage(struct store_writer *writer, const struct probe_coverage *coverage,
					      int64_t *ret_id)
{
	return store_writer_insert(writer, ADD_COVERAGE, coverage, ret_id);
}

struct error *store_writer_add_call_event(struct store_writer *writer, const struct call_event *event, int64_t *ret_id)
{
	return store_writer_insert_event(writer, ADD_CALL, event, ret_id);
}

struct error *store_writer_add_truncation(struct store_writer *writer, const struct truncation *truncation,
					  int64_t *ret_id)
{
	return store_writer_insert_event(writer, ADD_TRUNCATION, truncation, ret_id);
}

/* 0 when there is no such row. */
static struct error *find_file(struct store_writer *writer, const struct file_identity *file, int64_t *ret_id)
{
	const struct row_statement *find = &writer->statements[FIND_FILE];
	int status;

	row_statement_bind(find, file);
	status = sqlite3_step(find->statement);
	*ret_id = status == SQLITE_ROW ? sqlite3_column_int64(find->statement, 0) : 0;
	status = sqlite3_reset(find->statement);
	return status == SQLITE_OK ? NULL
				   : store_connection_error(&writer->connection, status, "cannot look up a file");
}

struct error *store_writer_add_file(struct store_writer *writer, const struct file_identity *file, int64_t *ret_id)
{
	struct error *err = find_file(writer, file, ret_id);

	if (err || *ret_id != 0)
		return err;
	return store_writer_insert(writer, ADD_FILE, file, ret_id);
}

struct error *store_writer_end_recording(struct store_writer *writer, const struct recording *recording)
{
	return store_writer_run(writer, END_RECORDING, recording);
}

struct error *store_writer_update_process(struct store_writer *writer, const struct process *process)
{
	return store_writer_run(writer, UPDATE_PROCESS, process);
}

struct error *store_writer_end_space(struct store_writer *writer, int64_t space_id, uint64_t to_ns)
{
	return store_writer_run(writer, END_SPACE, &(struct space){.id = space_id, .to_ns = to_ns});
}

struct error *store_writer_set_space_parent(struct store_writer *writer, int64_t space_id, int64_t parent_space_id)
{
	return store_writer_run(writer, SET_SPACE_PARENT,
				&(struct space){.id = space_id, .parent_space_id = parent_space_id});
}

struct error *store_writer_end_left_spaces(struct store_writer *writer, int64_t recording_id)
{
	return store_writer_run(writer, END_LEFT_SPACES, &(struct process){.recording_id = recording_id});
}

int64_t store_writer_last_file(const struct store_writer *writer)
{
	return writer->last_ids[ADD_FILE];
}

struct error *store_writer_name_file(struct store_writer *writer, const struct file_identity *file)
{
	return store_writer_run(writer, NAME_FILE, file);
}

/* The lock on the store says that no other recorder is alive, so that every recording without an end is an abandoned
 * one. The gap has no end: that recording knows nothing of what came later. ended_ns stays 0, and the gap itself tells
 * the next recorder that this was done. */
struct error *store_writer_close_abandoned(struct store_writer *writer)
{
	struct error *err = store_writer_run(writer, CLOSE_ABANDONED, NULL);

	return err ? err : store_writer_end_transaction(writer);
}
