/* SPDX-License-Identifier: MIT */
/*
 * The reader's state, and what its files share. Not for other modules.
 */
#ifndef SCHEMA_READER_INTERNAL_H
#define SCHEMA_READER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/connection.h"
#include "schema/record_recording.h"
#include "schema/row.h"
#include "schema/sql_query.h"

struct store_reader {
	struct store_connection connection;
	bool has_functions;			   /* those of sql_functions.c and sql_replay_table.c are there */
	int64_t date_recording_id, date_offset_ns; /* date_of() remembers the last one */
	store_progress_function progress;
	void *progress_context;
};

/* Structs that were read from rows of a table. */
struct store_rows {
	const struct row_table *table;
	char *data;
	size_t count;
	size_t capacity;
};

/* reader.c: appends the rows that row_select() finds. store_rows_deinit() frees them with what they own, whatever
 * happens. */
struct error *store_rows_query(struct store_rows *rows, struct store_reader *reader, const char *rest,
			       const struct store_parameter *parameters, int parameter_count) must_check;
void store_rows_deinit(struct store_rows *rows);

/* All rows that row_select() finds, or the first (else error_not_found). */
struct error *store_select_all(struct store_reader *reader, const struct row_table *table, const char *rest,
			       const struct store_parameter *parameters, int parameter_count, void **ret_data,
			       size_t *ret_count) must_check;
struct error *store_select_one(struct store_reader *reader, const struct row_table *table, const char *rest,
			       const struct store_parameter *parameters, int parameter_count, void *ret) must_check;

/* reader_gaps.c: the gaps of store_reader_space_gaps() that touch [from_ns, until_ns]. */
struct error *store_gaps_between(struct store_reader *reader, int64_t space_id, int64_t from_ns, int64_t until_ns,
				 struct gap **ret_gaps, size_t *ret_count) must_check;

#endif
