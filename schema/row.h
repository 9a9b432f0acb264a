/* SPDX-License-Identifier: MIT */
/*
 * Tables and structs: one list of columns a table (row_tables.c) says which member of the struct each column is. From
 * it come the text of statements and the way values go in and out, always by name. Not for other modules.
 */
#ifndef SCHEMA_ROW_H
#define SCHEMA_ROW_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/connection.h"

/* What the member is, and how the column holds it. */
enum row_type {
	ROW_BOOL,
	ROW_I32,
	ROW_U32,      /* also an enum */
	ROW_WORD,     /* int64_t or uint64_t: SQLite's integers are signed, words are cast there and back */
	ROW_TIME,     /* uint64_t, cut to INT64_MAX */
	ROW_DURATION, /* uint64_t, the return of a call; the column has the ns since `other`, its entry; 0 if before */
	ROW_MAYBE_RETURNED, /* the same, 0 when the return was not seen, where the column has -1 */
	ROW_NAME,	    /* char[], which need not end in NUL when written, and does when read */
	ROW_TEXT,	    /* char *; "" for NULL, both ways */
	ROW_MAYBE_TEXT,	    /* char *; NULL for NULL */
	ROW_BLOB, /* char * or uint8_t *, with a uint32_t as `other` for its bytes; NULL for NULL; read with a NUL after
		     it */
};

struct row_column {
	const char *name; /* of the column, and with a colon before it of a parameter */
	const char *read; /* what a SELECT asks for instead of the column; NULL for the column */
	enum row_type type;
	uint16_t offset, other, bytes; /* of the member, of the one that goes with it; the member's size */
};

struct row_table {
	const char *name;
	size_t size; /* of the struct */
	const struct row_column *columns;
	int column_count;
	/* Its ids are counted by the writer (writer.c), because callers keep them; else by SQLite. The first column is
	 * the id, then and if it is called so. */
	bool ids_are_counted;
};

/* Structs that only these files use. */
struct space_sharer {
	int64_t id, space_id, process_id;
	uint64_t from_ns;
};

struct stack_row {
	int64_t id;
	uint32_t state; /* enum stack_state */
	uint64_t registers[6];
	uint32_t asked_bytes;
	int64_t slice_id;
};

struct stack_slice_row {
	int64_t id, size;
	const uint8_t *ids;
	uint32_t ids_bytes;
};

struct stack_block_row {
	int64_t id, size;
	const uint8_t *data;
	uint32_t data_bytes;
};

extern const struct row_table row_recording, row_gap;
extern const struct row_table row_process, row_space, row_space_sharer, row_thread_start;
extern const struct row_table row_file, row_truncation;
extern const struct row_table row_event, row_event_block, row_event_block_space;
extern const struct row_table row_function, row_probe_coverage, row_heap, row_heap_block, row_call, row_syscall;
extern const struct row_table row_marker, row_probe;
extern const struct row_table row_signal, row_signal_sender, row_exit_state, row_return_instance;
extern const struct row_table row_stack, row_stack_slice, row_stack_block;

/* ---- out ---- */

/* Prepares "SELECT the table's columns FROM table REST". */
struct error *row_select(const struct store_connection *connection, const struct row_table *table, const char *rest,
			 const struct store_parameter *parameters, int parameter_count,
			 sqlite3_stmt **ret_statement) must_check;

/* The row that such a statement is at. What is not of a column is zero in *ret. On error_no_memory, too, *ret is to be
 * given to row_deinit(). */
struct error *row_read(const struct row_table *table, sqlite3_stmt *statement, void *ret) must_check;

/* Frees what its members own and leaves NULL there. */
void row_deinit(const struct row_table *table, void *row);

/* ---- in ---- */

#define ROW_PARAMETERS_MAX 40

/* A statement whose parameters are named as columns of a table, and get the values of its struct. */
struct row_statement {
	sqlite3_stmt *statement;
	struct row_column parameters[ROW_PARAMETERS_MAX]; /* number n is element n - 1 */
	int parameter_count;
};

/* `sql` NULL: one that inserts a row, with the id first if that is counted, and else without. ERROR_INVALID for a
 * parameter that is no column. */
struct error *row_statement_init(struct row_statement *statement, const struct store_connection *connection,
				 const struct row_table *table, const char *sql) must_check;
void row_statement_deinit(struct row_statement *statement);

/* A failed binding (no memory) leaves NULL there, which NOT NULL refuses. Texts and blobs must live until the statement
 * has run. */
void row_statement_bind(const struct row_statement *statement, const void *row);

#endif
