/* SPDX-License-Identifier: MIT */
/*
 * The writer's state, and what its files share. Not for other modules.
 */
#ifndef SCHEMA_WRITER_INTERNAL_H
#define SCHEMA_WRITER_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/id_table.h"
#include "schema/connection.h"
#include "schema/index_block.h"
#include "schema/record_call.h"
#include "schema/record_memory.h"

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
	ADD_BLOCK,
	ADD_BLOCK_SPACE,
	ADD_HEAP,
	ADD_HEAP_BLOCK,
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

/* The statements up to ADD_STACK insert rows whose ids a caller keeps. Their ids are counted here, so that one that a
 * rollback took back is never given to another row. */
#define COUNTED_TABLES (ADD_STACK + 1)

struct store_writer {
	struct store_connection connection;
	int lock_fd;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	int64_t last_ids[COUNTED_TABLES];
	bool in_transaction;
	uint64_t pending; /* events inserted since the last commit */
	/* SQLite itself rolls a transaction back when the disk is full or fails. What was pending then is told by the
	 * next commit. */
	uint64_t discarded;
	struct error *discard_cause;
	bool rolled_back;	      /* since store_writer_take_rollback() */
	struct block block;	      /* with the rows of the open transaction */
	struct block committed_block; /* as of the last commit: where a rollback goes back to */
	struct block heap_block;      /* the same for heap calls */
	struct block committed_heap_block;
	/* Rows of stack_block, stack_slice and stack by what they hold. A rollback empties them: the rows may be gone.
	 */
	struct id_table stack_blocks, stack_slices, stacks;
	struct stack_packer *packer; /* NULL until the first stack */
};

/* Steps a statement that returns no row, with all values bound, in the open transaction or a new one. */
struct error *store_writer_run(struct store_writer *writer, enum statement which) must_check;
/* Commits what is pending, or rolls it back and returns why. */
struct error *store_writer_end_transaction(struct store_writer *writer) must_check;
/* Puts a stored event into the block being filled, and stores the block when it is full. */
struct error *store_writer_add_to_block(struct store_writer *writer, const struct memory_event *event) must_check;
struct error *store_writer_add_to_heap_block(struct store_writer *writer, const struct heap_event *event) must_check;

/* Binds values one after the other: writer_rows.c. A failed binding (no memory) leaves NULL there, which NOT NULL
 * refuses. Texts and blobs must live until the statement has run. */
struct values {
	sqlite3_stmt *statement;
	int count;
};

struct values store_start_row(struct store_writer *writer, enum statement which);
void store_put(struct values *values, int64_t value);
void store_put_time(struct values *values, uint64_t time_ns);
void store_put_text(struct values *values, const char *text);
void store_put_blob(struct values *values, const void *data, size_t size); /* NULL data is NULL */
/* Runs the statement; the event kind also counts the row for the books. */
struct error *store_finish_row(struct store_writer *writer, enum statement which, int64_t *ret_id) must_check;
struct error *store_finish_event_row(struct store_writer *writer, enum statement which, int64_t *ret_id) must_check;

void store_stack_forget(struct store_writer *writer); /* after a rollback */
void store_stack_deinit(struct store_writer *writer);

#endif
