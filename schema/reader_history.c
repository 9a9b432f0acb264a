/* SPDX-License-Identifier: MIT */
/*
 * Histories: the events of a space and its ancestors that concern a range, read newest first. What a row concerns is
 * judged by memory_event_effect() and store_heap_ranges().
 */
#include "schema/reader_history.h"

#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "replay/effect.h"
#include "schema/connection.h"
#include "schema/index_run.h"
#include "schema/index_scan.h"
#include "schema/reader_internal.h"
#include "schema/reader_lineage.h"
#include "schema/row.h"

/* A history that is being read: elements of `size` bytes, newest first. */
struct history {
	struct store_scan scan; /* first */
	const struct history_query *query;
	struct store_range range;
	struct lineage_step *steps;
	size_t size;
	char *events;
	size_t count, capacity;
	bool is_full; /* the limit is reached and one more event was met */
	bool is_cut;
};

static struct error *keep(struct history *history, const void *event)
{
	if (history->count == history->query->limit) {
		history->is_full = history->scan.stop = true;
		return NULL;
	}
	if (history->count == history->capacity) {
		char *events = vector_grow(history->events, &history->capacity, history->count + 1, history->size);

		if (!events)
			return &error_no_memory;
		history->events = events;
	}
	memcpy(history->events + history->count++ * history->size, event, history->size);
	return NULL;
}

static struct error *take_event(struct store_scan *scan, sqlite3_stmt *row)
{
	struct history *history = (struct history *)scan;
	struct memory_effect effect;
	struct memory_event event;
	struct error *err;

	err = row_read(&row_event, row, &event);
	if (err)
		return err;
	if (!store_lineage_takes(scan->steps, scan->step_count, &event))
		return NULL;
	effect = memory_event_reach(&event);
	if (!memory_effect_overlaps(&effect, history->range.start, history->range.end))
		return NULL;
	return keep(history, &event);
}

#define HEAP_LIMIT (1ULL << 62)

static void range_of(uint64_t start, uint64_t size, uint64_t ret[2])
{
	ret[0] = ret[1] = 0;
	if (!start || start >= HEAP_LIMIT)
		return;
	ret[0] = start;
	ret[1] = start + (size == 0 ? 1 : size < HEAP_LIMIT ? size : HEAP_LIMIT);
}

/* A block of no bytes has an address all the same. */
void store_heap_ranges(const struct heap_event *event, uint64_t ret_old[2], uint64_t ret_new[2])
{
	range_of(event->old_block, 1, ret_old);
	range_of(event->block, event->size, ret_new);
}

static bool overlaps(const uint64_t range[2], const struct store_range *asked)
{
	return range[0] < asked->end && asked->start < range[1];
}

static struct error *take_heap_call(struct store_scan *scan, sqlite3_stmt *row)
{
	struct history *history = (struct history *)scan;
	uint64_t old[2], new[2];
	struct heap_event event;
	struct error *err;

	err = row_read(&row_heap, row, &event);
	if (err)
		return err;
	if (!store_lineage_holds(scan->steps, scan->step_count, event.space_id, event.enter_ns))
		return NULL;
	store_heap_ranges(&event, old, new);
	if (!overlaps(old, &history->range) && !overlaps(new, &history->range))
		return NULL;
	return keep(history, &event);
}

/* Brings the oldest to the front. */
static struct error *reverse(struct history *history)
{
	size_t size = history->size;
	cleanup_free char *spare = malloc(size);

	if (!spare)
		return &error_no_memory;
	for (size_t i = 0; i < history->count / 2; i++) {
		char *early = history->events + i * size, *late = history->events + (history->count - 1 - i) * size;

		memcpy(spare, early, size);
		memcpy(early, late, size);
		memcpy(late, spare, size);
	}
	return NULL;
}

static struct error *run_history(struct history *history, struct store_reader *reader)
{
	const struct history_query *query = history->query;
	struct error *err;

	history->range = (struct store_range){query->start, query->end};
	history->scan.reader = reader;
	history->scan.ranges = &history->range;
	history->scan.range_count = 1;
	err = store_lineage(reader, query->space_id, query->until_ns, &history->steps, &history->scan.step_count,
			    &history->is_cut);
	if (err)
		return err;
	history->scan.steps = history->steps;
	err = store_scan_run(&history->scan);
	free(history->steps);
	if (!err)
		err = reverse(history);
	if (err)
		free(history->events);
	return err;
}

struct error *store_reader_history(struct store_reader *reader, const struct history_query *query,
				   struct memory_event **ret_events, size_t *ret_count, bool *ret_truncated)
{
	struct history history = {
		.query = query,
		.size = sizeof(struct memory_event),
		.scan = {.table = &row_event,
			 .runs_table = "event_block",
			 .granule_shift = INDEX_RUN_PAGE_SHIFT,
			 .take_row = take_event},
	};
	struct error *err = run_history(&history, reader);

	if (err)
		return err;
	*ret_events = (struct memory_event *)(void *)history.events;
	*ret_count = history.count;
	*ret_truncated = history.is_full || history.is_cut;
	return NULL;
}

struct error *store_reader_heap_history(struct store_reader *reader, const struct history_query *query,
					struct heap_event **ret_events, size_t *ret_count, bool *ret_truncated)
{
	struct history history = {
		.query = query,
		.size = sizeof(struct heap_event),
		.scan = {.table = &row_heap,
			 .runs_table = "heap_block",
			 .granule_shift = INDEX_RUN_HEAP_SHIFT,
			 .take_row = take_heap_call},
	};
	struct error *err = run_history(&history, reader);

	if (err)
		return err;
	*ret_events = (struct heap_event *)(void *)history.events;
	*ret_count = history.count;
	*ret_truncated = history.is_full || history.is_cut;
	return NULL;
}

/* ---- counting ---- */

static struct error *count_rows(const struct store_connection *connection, const char *sql,
				const struct lineage_step *step, uint64_t *total)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_prepare_bound(
		connection, sql, PARAMETERS({":space_id", step->space_id}, {":until_ns", store_time(step->until_ns)}),
		&statement);
	int status;

	if (err)
		return err;
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
		"WHERE part.space_id = :space_id AND part.to_ns < :until_ns",
		"SELECT count(*) FROM event_block_space AS part JOIN event_block AS block USING (last_event_id) "
		"JOIN event ON event.id BETWEEN block.first_event_id AND block.last_event_id "
		"WHERE part.space_id = :space_id AND part.from_ns < :until_ns AND part.to_ns >= :until_ns "
		"AND +event.space_id = :space_id AND event.enter_ns < :until_ns",
		"WITH hole (first, last) AS ("
		"SELECT lag(last_event_id, 1, 0) OVER (ORDER BY last_event_id) + 1, first_event_id - 1 FROM "
		"event_block "
		"UNION ALL SELECT coalesce(max(last_event_id), 0) + 1, 9223372036854775807 FROM event_block) "
		"SELECT count(*) FROM hole JOIN event ON event.id BETWEEN hole.first AND hole.last "
		"WHERE hole.first <= hole.last AND +event.space_id = :space_id AND event.enter_ns < :until_ns",
		"SELECT count(*) FROM marker WHERE space_id = :space_id AND enter_ns < :until_ns",
		"SELECT count(*) FROM signal WHERE space_id = :space_id AND time_ns < :until_ns",
	};
	struct error *err = NULL;

	for (size_t i = 0; !err && i < array_size(queries); i++)
		err = count_rows(connection, queries[i], step, total);
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
