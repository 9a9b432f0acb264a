/* SPDX-License-Identifier: MIT */
/*
 * Rows newest first, without those whose run summary excludes them. Not for other modules.
 */
#ifndef SCHEMA_INDEX_SCAN_H
#define SCHEMA_INDEX_SCAN_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/reader_lineage.h"
#include "schema/row.h"

struct store_reader;

struct store_range {
	uint64_t start, end;
};

/* Reads the rows of a lineage that may concern one of the ranges, newest first, and skips the runs that cannot. */
struct store_scan {
	struct store_reader *reader;
	const struct row_table *table; /* row_event or row_heap */
	const char *runs_table;
	unsigned int granule_shift;
	const struct lineage_step *steps;
	size_t step_count;
	const struct store_range *ranges;
	size_t range_count;
	/* Takes one row, by row_read(); it may still be of another space or another range. */
	struct error *(*take_row)(struct store_scan *scan, sqlite3_stmt *row);
	bool stop; /* set by take_row when it has seen enough */
	/* The scan's own: the rows of a run, and its parameters of the first and the last id. */
	sqlite3_stmt *rows;
	int first_parameter, last_parameter;
};

struct error *store_scan_run(struct store_scan *scan) must_check;

#endif
