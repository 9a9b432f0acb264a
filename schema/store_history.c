/* SPDX-License-Identifier: MIT */
/*
 * Histories: the events of a space and its ancestors that concern a range, read newest first.
 *
 * Blocks whose summary cannot match are skipped; the rows of the others, and rows that no block covers, are read and
 * judged by memory_event_effect(). A wrong summary in a hostile file can hide events but not invent them.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "schema/store.h"
#include "schema/store_internal.h"

/* Forks of forks that are followed. */
#define LINEAGE_MAX 1024

struct error *store_lineage(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
			    struct lineage_step **ret_steps, size_t *ret_count, bool *ret_is_cut)
{
	cleanup_free struct lineage_step *steps = NULL;
	size_t capacity = 0, count = 0;

	*ret_is_cut = false;
	for (;;) {
		struct space space;
		struct error *err;

		if (count == capacity) {
			struct lineage_step *grown;

			capacity = capacity ? 2 * capacity : 4;
			grown = reallocarray(steps, capacity, sizeof(*steps));
			if (!grown)
				return &error_no_memory;
			steps = grown;
		}
		steps[count++] = (struct lineage_step){space_id, until_ns};

		err = store_reader_space(reader, space_id, &space);
		if (err == &error_not_found)
			break; /* its row was lost; its events may be there */
		if (err)
			return err;
		if (space.origin != SPACE_FORK || space.parent_space_id == 0)
			break;
		/* A parent was stored before its child. Anything else is no truth, and could be a circle. */
		if (space.parent_space_id < 0 || space.parent_space_id >= space_id)
			break;
		if (count == LINEAGE_MAX) {
			*ret_is_cut = true;
			break;
		}
		space_id = space.parent_space_id;
		if (space.from_ns < until_ns)
			until_ns = space.from_ns;
	}
	*ret_count = count;
	*ret_steps = take_pointer(steps);
	return NULL;
}

struct scan {
	struct store_reader *reader;
	const struct history_query *query;
	struct lineage_step *steps;
	size_t step_count;
	sqlite3_stmt *rows;	     /* events of an id range, newest first, of the spaces between two ids */
	struct memory_event *events; /* newest first */
	size_t count, capacity;
	bool is_full; /* the limit is reached and one more event was met */
};

static bool belongs(const struct scan *scan, const struct memory_event *event)
{
	for (size_t i = 0; i < scan->step_count; i++)
		if (scan->steps[i].space_id == event->space_id)
			return event->enter_ns < scan->steps[i].until_ns;
	return false;
}

static struct error *keep(struct scan *scan, const struct memory_event *event)
{
	if (scan->count == scan->query->limit) {
		scan->is_full = true;
		return NULL;
	}
	if (scan->count == scan->capacity) {
		size_t capacity = scan->capacity ? 2 * scan->capacity : 64;
		struct memory_event *events = reallocarray(scan->events, capacity, sizeof(*events));

		if (!events)
			return &error_no_memory;
		scan->events = events;
		scan->capacity = capacity;
	}
	scan->events[scan->count++] = *event;
	return NULL;
}

/* Judges the events from `first_id` to `last_id`, both included. */
static struct error *scan_rows(struct scan *scan, int64_t first_id, int64_t last_id)
{
	struct error *err = NULL;
	int status = SQLITE_DONE;

	sqlite3_bind_int64(scan->rows, 1, first_id);
	sqlite3_bind_int64(scan->rows, 2, last_id);
	while (!err && !scan->is_full && (status = sqlite3_step(scan->rows)) == SQLITE_ROW) {
		struct memory_effect effect;
		struct memory_event event;

		read_event(scan->rows, &event);
		if (!belongs(scan, &event))
			continue;
		effect = memory_event_effect(&event);
		if (memory_effect_overlaps(&effect, scan->query->start, scan->query->end))
			err = keep(scan, &event);
	}
	if (!err && status != SQLITE_DONE && status != SQLITE_ROW)
		err = store_connection_error(&scan->reader->connection, status, "cannot read events");
	sqlite3_reset(scan->rows);
	return err;
}

static bool block_may_concern(const struct scan *scan, sqlite3_stmt *block)
{
	uint64_t from_ns = (uint64_t)sqlite3_column_int64(block, 2);
	uint64_t low = (uint64_t)sqlite3_column_int64(block, 3), high = (uint64_t)sqlite3_column_int64(block, 4);
	uint32_t levels = (uint32_t)sqlite3_column_int64(block, 5);
	uint64_t start = scan->query->start, end = scan->query->end;
	const uint8_t *filter;

	if (low >= end || start >= high)
		return false;
	filter = sqlite3_column_blob(block, 6);
	if (!filter || sqlite3_column_bytes(block, 6) != BLOCK_FILTER_BYTES)
		return true;
	/* What lies outside of all the block's ranges cannot be a match at any level. */
	start = start > low ? start : low;
	end = end < high ? end : high;
	for (size_t i = 0; i < scan->step_count; i++)
		if (from_ns < scan->steps[i].until_ns &&
		    block_may_match(filter, levels, scan->steps[i].space_id, start, end))
			return true;
	return false;
}

static struct error *scan_blocks(struct scan *scan, sqlite3_stmt *blocks)
{
	int64_t upper = INT64_MAX; /* everything above is done */
	struct error *err = NULL;
	int status = SQLITE_DONE;

	while (!err && !scan->is_full && (status = sqlite3_step(blocks)) == SQLITE_ROW) {
		int64_t last = sqlite3_column_int64(blocks, 0), first = sqlite3_column_int64(blocks, 1);

		/* A block that overlaps the one before or is upside down is a lie; its rows are read as uncovered. */
		if (last > upper || first > last || last == INT64_MAX || first == INT64_MIN)
			continue;
		if (last < upper)
			err = scan_rows(scan, last + 1, upper);
		if (!err && !scan->is_full && block_may_concern(scan, blocks))
			err = scan_rows(scan, first, last);
		upper = first - 1;
	}
	if (err || scan->is_full)
		return err;
	if (status != SQLITE_DONE)
		return store_connection_error(&scan->reader->connection, status, "cannot read block summaries");
	return scan_rows(scan, INT64_MIN, upper);
}

static struct error *scan_all(struct scan *scan)
{
	static const char rows_sql[] = "SELECT " EVENT_COLUMNS " FROM event WHERE id BETWEEN ?1 AND ?2 "
				       "AND +space_id BETWEEN ?3 AND ?4 ORDER BY id DESC";
	static const char blocks_sql[] = "SELECT last_event_id, first_event_id, from_ns, low, high, levels, filter "
					 "FROM event_block ORDER BY last_event_id DESC";
	const struct store_connection *connection = &scan->reader->connection;
	cleanup_statement sqlite3_stmt *blocks = NULL;
	struct error *err = store_connection_prepare(connection, rows_sql, 0, &scan->rows);

	if (!err)
		err = store_connection_prepare(connection, blocks_sql, 0, &blocks);
	if (err)
		return err;
	/* The ids of a lineage fall. */
	sqlite3_bind_int64(scan->rows, 3, scan->steps[scan->step_count - 1].space_id);
	sqlite3_bind_int64(scan->rows, 4, scan->steps[0].space_id);
	/* The open statement on blocks holds one snapshot for both tables. */
	return scan_blocks(scan, blocks);
}

static void reverse(struct memory_event *events, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct memory_event event = events[i];

		events[i] = events[count - 1 - i];
		events[count - 1 - i] = event;
	}
}

struct error *store_reader_history(struct store_reader *reader, const struct history_query *query,
				   struct memory_event **ret_events, size_t *ret_count, bool *ret_truncated)
{
	struct scan scan = {.reader = reader, .query = query};
	struct error *err;
	bool is_cut;

	err = store_lineage(reader, query->space_id, query->until_ns, &scan.steps, &scan.step_count, &is_cut);
	if (err)
		return err;
	err = scan_all(&scan);
	sqlite3_finalize(scan.rows);
	free(scan.steps);
	if (err) {
		free(scan.events);
		return err;
	}
	reverse(scan.events, scan.count);
	*ret_events = scan.events;
	*ret_count = scan.count;
	*ret_truncated = scan.is_full || is_cut;
	return NULL;
}

/* ---- counting ---- */

static struct error *count_rows(const struct store_connection *connection, const char *sql, const int64_t *values,
				int value_count, uint64_t *total)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(connection, sql, 0, &statement);
	int status;

	if (err)
		return err;
	for (int i = 0; i < value_count; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	status = sqlite3_step(statement);
	if (status != SQLITE_ROW)
		return store_connection_error(connection, status, "cannot count");
	*total += (uint64_t)sqlite3_column_int64(statement, 0);
	return NULL;
}

/* Only the blocks in which the space was forked are read event by event. Blocks are made without holes, so that rows
 * which no block covers follow the last one, unless a summary could not be written: then they are found between. */
static struct error *count_step(const struct store_connection *connection, const struct lineage_step *step,
				uint64_t *total)
{
	static const char *const queries[] = {
		"SELECT coalesce(sum(part.events), 0) FROM event_block_space AS part "
		"JOIN event_block AS block USING (last_event_id) "
		"WHERE part.space_id = ?1 AND part.to_ns < ?2",
		"SELECT count(*) FROM event_block_space AS part JOIN event_block AS block USING (last_event_id) "
		"JOIN event ON event.id BETWEEN block.first_event_id AND block.last_event_id "
		"WHERE part.space_id = ?1 AND part.from_ns < ?2 AND part.to_ns >= ?2 "
		"AND +event.space_id = ?1 AND event.enter_ns < ?2",
		"WITH hole (first, last) AS ("
		"SELECT lag(last_event_id, 1, 0) OVER (ORDER BY last_event_id) + 1, first_event_id - 1 FROM "
		"event_block "
		"UNION ALL SELECT coalesce(max(last_event_id), 0) + 1, 9223372036854775807 FROM event_block) "
		"SELECT count(*) FROM hole JOIN event ON event.id BETWEEN hole.first AND hole.last "
		"WHERE hole.first <= hole.last AND +event.space_id = ?1 AND event.enter_ns < ?2",
		"SELECT count(*) FROM marker WHERE space_id = ?1 AND enter_ns < ?2",
		"SELECT count(*) FROM signal WHERE space_id = ?1 AND time_ns < ?2",
	};
	const int64_t values[] = {step->space_id, store_time(step->until_ns)};
	struct error *err = NULL;

	for (size_t i = 0; !err && i < sizeof(queries) / sizeof(queries[0]); i++)
		err = count_rows(connection, queries[i], values, 2, total);
	return err;
}

struct error *store_reader_count_events(struct store_reader *reader, int64_t space_id, uint64_t *ret_count)
{
	cleanup_free struct lineage_step *steps = NULL;
	uint64_t total = 0;
	size_t step_count;
	struct error *err;
	bool is_cut;

	err = store_lineage(reader, space_id, UINT64_MAX, &steps, &step_count, &is_cut);
	for (size_t i = 0; !err && i < step_count; i++)
		err = count_step(&reader->connection, &steps[i], &total);
	if (!err)
		*ret_count = total;
	return err;
}
