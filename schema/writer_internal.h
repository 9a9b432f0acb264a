/* SPDX-License-Identifier: MIT */
/*
 * The writer's state, and what its files share. Not for other modules.
 */
#ifndef SCHEMA_WRITER_INTERNAL_H
#define SCHEMA_WRITER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/id_table.h"
#include "schema/connection.h"
#include "schema/index_run.h"
#include "schema/record_call.h"
#include "schema/record_memory.h"
#include "schema/row.h"

enum statement {
	ADD_RECORDING,
	ADD_PROCESS,
	ADD_SPACE,
	ADD_FILE,
	ADD_SIGNAL,
	ADD_EXIT_STATE,
	ADD_PROBE,
	ADD_FUNCTION,
	ADD_STACK_BLOCK,
	ADD_STACK_SLICE,
	ADD_STACK,
	ADD_EVENT,
	ADD_MARKER,
	ADD_THREAD_START,
	ADD_SPACE_SHARER,
	ADD_CALL_RESULT,
	ADD_RETURN_INSTANCE,
	ADD_SIGNAL_SENDER,
	ADD_GAP,
	ADD_EVENT_RUN,
	ADD_EVENT_RUN_SPACE,
	ADD_HEAP,
	ADD_HEAP_RUN,
	ADD_CALL,
	ADD_COVERAGE,
	ADD_TRUNCATION,
	FIND_FILE,
	SET_LAST_COMMIT,
	END_RECORDING,
	SET_SPACE_PARENT,
	END_LEFT_SPACES,
	NAME_FILE,
	END_SPACE,
	UPDATE_PROCESS,
	UPDATE_PROBE,
	CLOSE_ABANDONED,
	STATEMENT_COUNT
};

struct store_writer {
	struct store_connection connection;
	int lock_fd;
	struct row_statement statements[STATEMENT_COUNT];
	/* Of the rows whose ids a caller keeps (row_table.ids_are_counted), by the statement that adds them: counted
	 * here, so that an id that a rollback took back is never given to another row. */
	int64_t last_ids[STATEMENT_COUNT];
	bool counts_ids[STATEMENT_COUNT];
	bool in_transaction;
	uint64_t pending; /* events inserted since the last commit */
	/* SQLite itself rolls a transaction back when the disk is full or fails. What was pending then is told by the
	 * next commit. */
	uint64_t discarded;
	struct error *discard_cause;
	bool rolled_back;		      /* since store_writer_take_rollback() */
	struct index_run event_run;	      /* with the rows of the open transaction */
	struct index_run committed_event_run; /* as of the last commit: where a rollback goes back to */
	struct index_run heap_run;	      /* the same for heap calls */
	struct index_run committed_heap_run;
	/* Rows of stack_block, stack_slice and stack by what they hold. A rollback empties them: the rows may be gone.
	 */
	struct id_table stack_blocks, stack_slices, stacks;
	struct stack_packer *packer; /* NULL until the first stack */
};

/* writer_statements.c: makes all of them, and reads the last ids. */
struct error *store_writer_prepare(struct store_writer *writer) must_check;

/* Runs a statement that returns no row, in the open transaction or a new one. `row` is the struct of the statement's
 * table, of which those members count that it has parameters for; NULL for a statement without any. */
struct error *store_writer_run(struct store_writer *writer, enum statement which, const void *row) must_check;
/* The same for one that adds a row; `id` of the struct does not count. The event kind also counts the row for the
 * books. */
struct error *store_writer_insert(struct store_writer *writer, enum statement which, const void *row,
				  int64_t *ret_id) must_check;
struct error *store_writer_insert_event(struct store_writer *writer, enum statement which, const void *row,
					int64_t *ret_id) must_check;

/* writer.c: begins a transaction unless one is open. */
struct error *store_writer_begin(struct store_writer *writer) must_check;
/* Commits what is pending, or rolls it back and returns why. */
struct error *store_writer_end_transaction(struct store_writer *writer) must_check;
/* An error for a statement that failed; takes note when SQLite rolled the transaction back for it. */
struct error *store_writer_failure(struct store_writer *writer, int status, const char *what) must_check;
/* Puts a stored event, by its row's id, into the block being filled, and stores the block when it is full. */
struct error *store_writer_add_to_event_run(struct store_writer *writer, int64_t id,
					    const struct memory_event *event) must_check;
struct error *store_writer_add_to_heap_run(struct store_writer *writer, int64_t id,
					   const struct heap_event *event) must_check;

/* writer_stack.c */
void store_stack_forget(struct store_writer *writer); /* after a rollback */
void store_stack_deinit(struct store_writer *writer);

#endif
