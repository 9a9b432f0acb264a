/* SPDX-License-Identifier: MIT */
/*
 * What an address space was made of at a moment: its events are replayed, but only those that concern a place where a
 * file was ever mapped, or where a mapping was found.
 */
#include "schema/reader_maps.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "common/vector.h"
#include "replay/effect.h"
#include "replay/fork.h"
#include "schema/connection.h"
#include "schema/index_run.h"
#include "schema/index_scan.h"
#include "schema/reader_internal.h"
#include "schema/reader_lineage.h"
#include "schema/row.h"

/* vm.max_map_count is 65530 by default; some raise it to a million. */
#define MAX_MAPPINGS (1U << 20)

/* Mappings by rising start, none overlapping, each as a MEMORY_SEEN event. */
struct maps {
	const struct memory_event *events; /* the replay names calls by their index here */
	struct memory_event *pieces;
	size_t count, capacity;
};

static struct error *take_life(void *context, const struct replay_life *life)
{
	struct maps *maps = context;
	const struct memory_event *made = &maps->events[life->made];
	struct memory_event *piece;

	if (life->gone != REPLAY_STANDING)
		return NULL;
	if (maps->count >= MAX_MAPPINGS)
		return error_format(ERROR_INVALID, "more mappings than a kernel allows");
	if (array_reserve(maps->pieces, maps->capacity, maps->count + 1))
		return &error_no_memory;
	piece = &maps->pieces[maps->count++];
	*piece = (struct memory_event){
		.id = made->id,
		.space_id = life->space_id,
		.tid = made->tid,
		.kind = MEMORY_SEEN,
		.enter_ns = made->enter_ns,
		.exit_ns = made->exit_ns,
		.args = {life->start, life->end - life->start, PROT_READ | PROT_WRITE, life->content.flags},
		.file_id = life->content.file_id,
	};
	if (life->content.protection >= 0)
		piece->args[2] = (uint64_t)life->content.protection;
	if (piece->file_id)
		piece->args[5] = life->start + life->content.file_shift;
	return NULL;
}

/* ---- which places, and their events ---- */

struct places {
	struct store_scan scan; /* first */
	bool code_only;		/* only where a file was mapped executable */
	struct store_range *ranges;
	size_t count, capacity;
	struct memory_event *events; /* newest first */
	size_t event_count, event_capacity;
	bool is_lossy; /* there is a gap in the space's history */
};

static struct error *add_place(struct places *places, uint64_t start, uint64_t end)
{
	if (start >= end)
		return NULL;
	if (array_reserve(places->ranges, places->capacity, places->count + 1))
		return &error_no_memory;
	places->ranges[places->count++] = (struct store_range){start, end};
	return NULL;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct store_range *first = a, *second = b;

	return (first->start > second->start) - (first->start < second->start);
}

static void merge_places(struct places *places)
{
	size_t kept = 0;

	if (!places->count)
		return;
	qsort(places->ranges, places->count, sizeof(*places->ranges), compare_ranges);
	for (size_t i = 1; i < places->count; i++) {
		if (places->ranges[i].start > places->ranges[kept].end)
			places->ranges[++kept] = places->ranges[i];
		else if (places->ranges[i].end > places->ranges[kept].end)
			places->ranges[kept].end = places->ranges[i].end;
	}
	places->count = kept + 1;
}

static struct error *find_places(struct places *places, const struct lineage_step *step)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = row_select(
		&places->scan.reader->connection, &row_event,
		"WHERE space_id = :space_id AND (file_id > 0 OR kind = 1) AND enter_ns < :until_ns",
		PARAMETERS({":space_id", step->space_id}, {":until_ns", store_time(step->until_ns)}), &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		struct memory_effect effect;
		struct memory_event event;

		err = row_read(&row_event, statement, &event);
		if (err)
			break;
		if (places->code_only && (!event.file_id || !(event.args[2] & PROT_EXEC)))
			continue;
		effect = memory_event_effect(&event);
		err = add_place(places, effect.added_start, effect.added_end);
		/* Data pages after a library's own are mapped over it, and heaps begin where a program ends. */
		if (places->count > 4096 && !err)
			merge_places(places);
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&places->scan.reader->connection, status, "cannot read mappings");
	return err;
}

static bool concerns(const struct places *places, const struct memory_effect *effect)
{
	for (size_t i = 0; i < places->count; i++)
		if (memory_effect_overlaps(effect, places->ranges[i].start, places->ranges[i].end))
			return true;
	return false;
}

static struct error *add_event(struct places *places, const struct memory_event *event)
{
	if (array_reserve(places->events, places->event_capacity, places->event_count + 1))
		return &error_no_memory;
	places->events[places->event_count++] = *event;
	return NULL;
}

static struct error *take_event(struct store_scan *scan, sqlite3_stmt *row)
{
	struct places *places = (struct places *)scan;
	struct memory_effect effect;
	struct memory_event event;
	struct error *err = row_read(&row_event, row, &event);

	if (err)
		return err;
	if (!store_lineage_takes(scan->steps, scan->step_count, &event))
		return NULL;
	effect = memory_event_reach(&event);
	return concerns(places, &effect) ? add_event(places, &event) : NULL;
}

/* What an ancestor kept from its children: no effect on the ancestor's own mappings, so that the scan passes it over.
 */
static struct error *add_fork_advice(struct places *places, const struct lineage_step *step)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = row_select(
		&places->scan.reader->connection, &row_event,
		"WHERE space_id = :space_id AND kind = 7 AND a2 IN (10, 11) AND enter_ns < :until_ns",
		PARAMETERS({":space_id", step->space_id}, {":until_ns", store_time(step->until_ns)}), &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		struct memory_event event;

		err = row_read(&row_event, statement, &event);
		if (!err)
			err = add_event(places, &event);
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&places->scan.reader->connection, status, "cannot read mappings");
	return err;
}

static int compare_newest(const void *a, const void *b)
{
	const struct memory_event *first = a, *second = b;

	return (first->id < second->id) - (first->id > second->id);
}

/* The events of the places, newest first, become places->events, which the caller frees. */
static struct error *load_events(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
				 struct places *places)
{
	cleanup_free struct lineage_step *steps = NULL;
	cleanup_free struct gap *gaps = NULL;
	size_t gap_count = 0;
	struct error *err;
	bool is_cut;

	places->scan = (struct store_scan){.reader = reader,
					   .table = &row_event,
					   .runs_table = "event_block",
					   .granule_shift = INDEX_RUN_PAGE_SHIFT,
					   .take_row = take_event};
	err = store_lineage(reader, space_id, until_ns, &steps, &places->scan.step_count, &is_cut)
		      ?: store_gaps_between(reader, space_id, 0, store_time(until_ns), &gaps, &gap_count);
	places->is_lossy = gap_count > 0;
	places->scan.steps = steps;
	for (size_t i = 0; !err && i < places->scan.step_count; i++)
		err = find_places(places, &steps[i]);
	merge_places(places);
	places->scan.ranges = places->ranges;
	places->scan.range_count = places->count;
	if (!err && places->count)
		err = store_scan_run(&places->scan);
	for (size_t i = 1; !err && !places->code_only && i < places->scan.step_count; i++)
		err = add_fork_advice(places, &steps[i]);
	if (!err && places->event_count && places->scan.step_count > 1)
		qsort(places->events, places->event_count, sizeof(*places->events), compare_newest);
	free(places->ranges);
	return err;
}

static int compare_starts(const void *a, const void *b)
{
	const struct memory_event *first = a, *second = b;

	return (first->args[0] > second->args[0]) - (first->args[0] < second->args[0]);
}

/* `events` newest first. */
static struct error *replay_events(const struct places *places, int64_t space_id, struct maps *maps)
{
	const struct memory_event *events = places->events;
	const struct replay_sink sink = {.take_life = take_life, .context = maps};
	struct replay_descent descent = {.space_id = space_id};
	struct replay replay;
	struct error *err = NULL;

	replay_init(&replay, &sink);
	replay.follows = REPLAY_FORK_ADVICE;
	replay.is_lossy = places->is_lossy;
	for (size_t i = places->event_count; !err && i-- > 0;)
		err = replay_take_inherited(&replay, &descent, &events[i], (int64_t)i, NULL);
	if (!err)
		err = replay_descend(&replay, &descent);
	if (!err)
		err = replay_finish(&replay);
	replay_deinit(&replay);
	return err;
}

struct error *store_reader_maps_at(struct store_reader *reader, int64_t space_id, uint64_t time_ns,
				   struct memory_event **ret_mappings, size_t *ret_count)
{
	struct places places = {0};
	struct maps maps = {0};
	struct error *err = load_events(reader, space_id, time_ns, &places);

	maps.events = places.events;
	if (!err)
		err = replay_events(&places, space_id, &maps);
	free(places.events);
	if (err) {
		free(maps.pieces);
		return err;
	}
	if (maps.count)
		qsort(maps.pieces, maps.count, sizeof(*maps.pieces), compare_starts);
	*ret_mappings = maps.pieces;
	*ret_count = maps.count;
	return NULL;
}

struct error *store_reader_code_events(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
				       struct memory_event **ret_events, size_t *ret_count)
{
	struct places places = {.code_only = true};
	struct error *err = load_events(reader, space_id, until_ns, &places);

	if (err) {
		free(places.events);
		return err;
	}
	for (size_t i = 0; i < places.event_count / 2; i++) {
		struct memory_event event = places.events[i];

		places.events[i] = places.events[places.event_count - 1 - i];
		places.events[places.event_count - 1 - i] = event;
	}
	*ret_events = places.events;
	*ret_count = places.event_count;
	return NULL;
}
