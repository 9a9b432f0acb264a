/* SPDX-License-Identifier: MIT */
/*
 * Rows newest first, without those that cannot matter: runs whose summary cannot match are skipped; the rows of the
 * others, and rows that no run covers, are handed on. A wrong summary in a hostile file can hide events but not
 * invent them.
 */
#include "schema/index_scan.h"

#include <stdio.h>

#include "schema/connection.h"
#include "schema/index_run.h"
#include "schema/reader_internal.h"

/* Hands on the rows from `first_id` to `last_id`, both included. */
static struct error *scan_rows(struct store_scan *scan, int64_t first_id, int64_t last_id)
{
	struct error *err = NULL;
	int status = SQLITE_DONE;

	sqlite3_bind_int64(scan->rows, scan->first_parameter, first_id);
	sqlite3_bind_int64(scan->rows, scan->last_parameter, last_id);
	while (!err && !scan->stop && (status = sqlite3_step(scan->rows)) == SQLITE_ROW)
		err = scan->take_row(scan, scan->rows);
	if (!err && status != SQLITE_DONE && status != SQLITE_ROW)
		err = store_connection_error(&scan->reader->connection, status, "cannot read events");
	sqlite3_reset(scan->rows);
	return err;
}

static bool run_may_concern_range(const struct store_scan *scan, sqlite3_stmt *run, const struct store_range *range)
{
	uint64_t from_ns = (uint64_t)sqlite3_column_int64(run, 2);
	uint64_t low = (uint64_t)sqlite3_column_int64(run, 3), high = (uint64_t)sqlite3_column_int64(run, 4);
	uint32_t levels = (uint32_t)sqlite3_column_int64(run, 5);
	uint64_t start = range->start, end = range->end;
	const uint8_t *filter;

	if (low >= end || start >= high)
		return false;
	filter = sqlite3_column_blob(run, 6);
	if (!filter || sqlite3_column_bytes(run, 6) != INDEX_RUN_FILTER_BYTES)
		return true;
	/* What lies outside of all the run's ranges cannot be a match at any level. */
	start = start > low ? start : low;
	end = end < high ? end : high;
	for (size_t i = 0; i < scan->step_count; i++)
		if (from_ns < scan->steps[i].until_ns &&
		    index_run_may_match(filter, scan->granule_shift, levels, scan->steps[i].space_id, start, end))
			return true;
	return false;
}

static bool run_may_concern(const struct store_scan *scan, sqlite3_stmt *run)
{
	for (size_t i = 0; i < scan->range_count; i++)
		if (run_may_concern_range(scan, run, &scan->ranges[i]))
			return true;
	return false;
}

static struct error *scan_runs(struct store_scan *scan, sqlite3_stmt *runs)
{
	int64_t upper = INT64_MAX; /* everything above is done */
	struct error *err = NULL;
	int status = SQLITE_DONE;

	while (!err && !scan->stop && (status = sqlite3_step(runs)) == SQLITE_ROW) {
		int64_t last = sqlite3_column_int64(runs, 0), first = sqlite3_column_int64(runs, 1);

		/* A run that overlaps the one before or is upside down is a lie; its rows are read as uncovered. */
		if (last > upper || first > last || last == INT64_MAX || first == INT64_MIN)
			continue;
		if (last < upper)
			err = scan_rows(scan, last + 1, upper);
		if (!err && !scan->stop && run_may_concern(scan, runs))
			err = scan_rows(scan, first, last);
		upper = first - 1;
	}
	if (err || scan->stop)
		return err;
	if (status != SQLITE_DONE)
		return store_connection_error(&scan->reader->connection, status, "cannot read block summaries");
	return scan_rows(scan, INT64_MIN, upper);
}

/* The ids of a lineage fall. */
static struct error *prepare_rows(struct store_scan *scan)
{
	const struct store_connection *connection = &scan->reader->connection;
	const struct lineage_step *steps = scan->steps;
	struct error *err = row_select(
		connection, scan->table,
		"WHERE id BETWEEN :first_id AND :last_id AND +space_id BETWEEN :oldest_space AND :newest_space "
		"ORDER BY id DESC",
		PARAMETERS({":first_id", 0}, {":last_id", 0}, {":oldest_space", steps[scan->step_count - 1].space_id},
			   {":newest_space", steps[0].space_id}),
		&scan->rows);

	if (!err)
		err = store_parameter_find(connection, scan->rows, ":first_id", &scan->first_parameter);
	if (!err)
		err = store_parameter_find(connection, scan->rows, ":last_id", &scan->last_parameter);
	return err;
}

struct error *store_scan_run(struct store_scan *scan)
{
	cleanup_statement sqlite3_stmt *runs = NULL;
	struct error *err = prepare_rows(scan);
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "SELECT last_event_id, first_event_id, from_ns, low, high, levels, filter FROM %s "
		 "ORDER BY last_event_id DESC",
		 scan->runs_table);
	if (!err)
		err = store_connection_prepare(&scan->reader->connection, sql, 0, &runs);
	/* The open statement on runs holds one snapshot for both tables. */
	if (!err)
		err = scan_runs(scan, runs);
	sqlite3_finalize(scan->rows);
	scan->rows = NULL;
	return err;
}
