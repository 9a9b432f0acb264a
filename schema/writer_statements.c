/* SPDX-License-Identifier: MIT */
/* The writer's statements: made once, and run by number. */
#include <stdio.h>

#include "schema/connection.h"
#include "schema/row.h"
#include "schema/writer_internal.h"

static const struct {
	const struct row_table *table;
	const char *sql; /* NULL: it adds a row */
} kinds[STATEMENT_COUNT] = {
	[ADD_RECORDING] = {&row_recording, NULL},
	[ADD_PROCESS] = {&row_process, NULL},
	[ADD_SPACE] = {&row_space, NULL},
	[ADD_FILE] = {&row_file, NULL},
	[ADD_SIGNAL] = {&row_signal, NULL},
	[ADD_EXIT_STATE] = {&row_exit_state, NULL},
	[ADD_PROBE] = {&row_probe, NULL},
	[ADD_FUNCTION] = {&row_function, NULL},
	[ADD_STACK_BLOCK] = {&row_stack_block, NULL},
	[ADD_STACK_SLICE] = {&row_stack_slice, NULL},
	[ADD_STACK] = {&row_stack, NULL},
	[ADD_EVENT] = {&row_event, NULL},
	[ADD_MARKER] = {&row_marker, NULL},
	[ADD_THREAD_START] = {&row_thread_start, NULL},
	[ADD_SPACE_SHARER] = {&row_space_sharer, NULL},
	[ADD_CALL_RESULT] = {&row_syscall, NULL},
	[ADD_RETURN_INSTANCE] = {&row_return_instance, NULL},
	[ADD_SIGNAL_SENDER] = {&row_signal_sender, NULL},
	[ADD_GAP] = {&row_gap, NULL},
	[ADD_EVENT_RUN] = {&row_event_block, NULL},
	[ADD_EVENT_RUN_SPACE] = {&row_event_block_space, NULL},
	[ADD_HEAP] = {&row_heap, NULL},
	[ADD_HEAP_RUN] = {&row_heap_block, NULL},
	[ADD_CALL] = {&row_call, NULL},
	[ADD_TRUNCATION] = {&row_truncation, NULL},
	[ADD_COVERAGE] = {&row_probe_coverage, NULL},
	[FIND_FILE] = {&row_file, "SELECT id FROM file WHERE device_major = :device_major AND "
				  "device_minor = :device_minor AND inode = :inode AND path = :path"},
	[SET_LAST_COMMIT] = {&row_recording, "UPDATE recording SET last_commit_ns = :last_commit_ns WHERE id = :id"},
	[END_RECORDING] = {&row_recording, "UPDATE recording SET ended_ns = :ended_ns, emitted = :emitted, "
					   "stored = :stored, lost = :lost WHERE id = :id"},
	[SET_SPACE_PARENT] = {&row_space, "UPDATE space SET parent_space_id = :parent_space_id WHERE id = :id"},
	[END_LEFT_SPACES] = {&row_process,
			     "UPDATE space SET to_ns = coalesce((SELECT min(later.from_ns) FROM space AS later "
			     "WHERE later.process_id = space.process_id AND later.id > space.id), "
			     "(SELECT exit_ns FROM process WHERE process.id = space.process_id), 0) "
			     "WHERE to_ns = 0 AND process_id IN "
			     "(SELECT id FROM process WHERE recording_id = :recording_id)"},
	[NAME_FILE] = {&row_file, "UPDATE OR IGNORE file SET path = :path WHERE id = :id AND path = ''"},
	[END_SPACE] = {&row_space, "UPDATE space SET to_ns = :to_ns WHERE id = :id"},
	[UPDATE_PROCESS] = {&row_process, "UPDATE process SET comm = :comm, last_uid = :last_uid, exit_ns = :exit_ns, "
					  "exit_status = :exit_status WHERE id = :id"},
	[UPDATE_PROBE] = {&row_probe, "UPDATE probe SET enabled = :enabled, only_pid = :only_pid, "
				      "program_id = :program_id, holder_comm = :holder_comm, "
				      "attached_ns = :attached_ns, first_seen_ns = :first_seen_ns, "
				      "last_seen_ns = :last_seen_ns, gone_ns = :gone_ns WHERE id = :id"},
	[CLOSE_ABANDONED] = {&row_gap, "INSERT INTO gap (recording_id, pid, cause, from_ns, to_ns, lost) "
				       "SELECT id, 0, 7, max(started_ns, last_commit_ns), 9223372036854775807, 0 "
				       "FROM recording WHERE ended_ns = 0 AND NOT EXISTS (SELECT 1 FROM gap "
				       "WHERE gap.recording_id = recording.id AND gap.cause = 7)"},
};

static struct error *read_last_id(struct store_writer *writer, enum statement which)
{
	struct error *err;
	char sql[64];

	snprintf(sql, sizeof(sql), "SELECT max(id) FROM %s", kinds[which].table->name);
	err = store_connection_get(&writer->connection, sql, &writer->last_ids[which]);
	if (!err && (writer->last_ids[which] < 0 || writer->last_ids[which] > INT64_MAX / 2))
		err = error_format(ERROR_INVALID, "%s: impossible row ids", writer->connection.path);
	return err;
}

struct error *store_writer_prepare(struct store_writer *writer)
{
	struct error *err = NULL;

	for (int i = 0; !err && i < STATEMENT_COUNT; i++) {
		err = row_statement_init(&writer->statements[i], &writer->connection, kinds[i].table, kinds[i].sql);
		writer->counts_ids[i] = !kinds[i].sql && kinds[i].table->ids_are_counted;
		if (!err && writer->counts_ids[i])
			err = read_last_id(writer, i);
	}
	return err;
}

/* With all values bound. */
static struct error *run(struct store_writer *writer, enum statement which)
{
	sqlite3_stmt *statement = writer->statements[which].statement;
	struct error *err = store_writer_begin(writer);
	int status;

	if (err)
		return err;
	sqlite3_step(statement);
	status = sqlite3_reset(statement);
	return status == SQLITE_OK ? NULL : store_writer_failure(writer, status, "cannot write");
}

struct error *store_writer_run(struct store_writer *writer, enum statement which, const void *row)
{
	row_statement_bind(&writer->statements[which], row);
	return run(writer, which);
}

struct error *store_writer_insert(struct store_writer *writer, enum statement which, const void *row, int64_t *ret_id)
{
	const struct row_statement *statement = &writer->statements[which];
	struct error *err;

	row_statement_bind(statement, row);
	if (writer->counts_ids[which])
		sqlite3_bind_int64(statement->statement, 1, writer->last_ids[which] + 1);
	err = run(writer, which);
	if (err)
		return err;
	*ret_id = sqlite3_last_insert_rowid(writer->connection.db);
	if (writer->counts_ids[which])
		writer->last_ids[which] = *ret_id;
	return NULL;
}

struct error *store_writer_insert_event(struct store_writer *writer, enum statement which, const void *row,
					int64_t *ret_id)
{
	struct error *err = store_writer_insert(writer, which, row, ret_id);

	if (!err)
		writer->pending++;
	return err;
}
