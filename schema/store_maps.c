/* SPDX-License-Identifier: MIT */
/*
 * What an address space was made of at a moment: its events are replayed, but only those that concern a place where a
 * file was ever mapped, or where a mapping was found.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "replay/effect.h"
#include "schema/store.h"
#include "schema/store_internal.h"

/* vm.max_map_count is 65530 by default; some raise it to a million. */
#define MAX_MAPPINGS (1U << 20)

/* Half-open pieces by rising start, none overlapping. */
struct maps {
	struct memory_event *pieces;
	size_t count, capacity;
};

static uint64_t start_of(const struct memory_event *piece)
{
	return piece->args[0];
}

static uint64_t end_of(const struct memory_event *piece)
{
	return piece->args[0] + piece->args[1];
}

/* The first piece that ends above `address`. */
static size_t find_piece(const struct maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (end_of(&maps->pieces[middle]) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct error *insert_at(struct maps *maps, size_t index, const struct memory_event *piece)
{
	if (maps->count >= MAX_MAPPINGS)
		return error_format(ERROR_INVALID, "more mappings than a kernel allows");
	if (maps->count == maps->capacity) {
		size_t capacity = maps->capacity ? 2 * maps->capacity : 64;
		struct memory_event *pieces = reallocarray(maps->pieces, capacity, sizeof(*pieces));

		if (!pieces)
			return &error_no_memory;
		maps->pieces = pieces;
		maps->capacity = capacity;
	}
	memmove(maps->pieces + index + 1, maps->pieces + index, (maps->count - index) * sizeof(*maps->pieces));
	maps->pieces[index] = *piece;
	maps->count++;
	return NULL;
}

static void cut_front(struct memory_event *piece, uint64_t start)
{
	uint64_t gone = start - start_of(piece);

	piece->args[0] += gone;
	piece->args[1] -= gone;
	if (piece->file_id)
		piece->args[5] += gone;
}

/* Makes `address` the border of two pieces, if it lies inside one. */
static struct error *split(struct maps *maps, uint64_t address)
{
	size_t index = find_piece(maps, address);
	struct memory_event *piece = maps->pieces + index;
	struct memory_event upper;

	if (index == maps->count || start_of(piece) >= address)
		return NULL;
	upper = *piece;
	cut_front(&upper, address);
	piece->args[1] = address - start_of(piece);
	return insert_at(maps, index + 1, &upper);
}

/* The pieces in [start, end) become *ret_first to *ret_end of the array. */
static struct error *isolate(struct maps *maps, uint64_t start, uint64_t end, size_t *ret_first, size_t *ret_end)
{
	struct error *err = split(maps, start);

	if (!err)
		err = split(maps, end);
	if (err)
		return err;
	*ret_first = find_piece(maps, start);
	for (*ret_end = *ret_first; *ret_end < maps->count && start_of(&maps->pieces[*ret_end]) < end; ++*ret_end)
		;
	return NULL;
}

static struct error *remove_range(struct maps *maps, uint64_t start, uint64_t end)
{
	size_t first, last;
	struct error *err;

	if (start >= end)
		return NULL;
	err = isolate(maps, start, end, &first, &last);
	if (err)
		return err;
	if (first == last)
		return NULL; /* of no pieces at all there is no array either */
	memmove(maps->pieces + first, maps->pieces + last, (maps->count - last) * sizeof(*maps->pieces));
	maps->count -= last - first;
	return NULL;
}

static struct error *add_piece(struct maps *maps, const struct memory_event *piece)
{
	struct error *err = remove_range(maps, start_of(piece), end_of(piece));

	return err ? err : insert_at(maps, find_piece(maps, start_of(piece)), piece);
}

static struct error *protect(struct maps *maps, uint64_t start, uint64_t end, uint64_t protection)
{
	size_t first, last;
	struct error *err = isolate(maps, start, end, &first, &last);

	for (size_t i = first; !err && i < last; i++)
		maps->pieces[i].args[2] = protection;
	return err;
}

/* What stands at [start, end) after an event that adds: of a call that moves or grows, more of what was there. */
static struct memory_event added_piece(const struct maps *maps, const struct memory_event *event,
				       const struct memory_effect *effect)
{
	struct memory_event piece = {
		.id = event->id,
		.space_id = event->space_id,
		.tid = event->tid,
		.kind = MEMORY_SEEN,
		.enter_ns = event->enter_ns,
		.exit_ns = event->exit_ns,
		.args = {effect->added_start, effect->added_end - effect->added_start, 3},
	};
	size_t old;

	switch (event->kind) {
	case MEMORY_SEEN:
	case MEMORY_MMAP:
		piece.file_id = event->file_id;
		piece.args[2] = event->args[2];
		piece.args[3] = event->args[3];
		piece.args[5] = event->args[5];
		break;
	case MEMORY_MREMAP:
		old = find_piece(maps, event->args[0]);
		if (old == maps->count || start_of(&maps->pieces[old]) > event->args[0])
			break;
		piece.file_id = maps->pieces[old].file_id;
		piece.args[2] = maps->pieces[old].args[2];
		piece.args[3] = maps->pieces[old].args[3];
		if (piece.file_id)
			piece.args[5] = maps->pieces[old].args[5] + (event->args[0] - start_of(&maps->pieces[old]));
		/* Growth in place adds the tail alone. */
		if (piece.file_id && event->result == (int64_t)event->args[0])
			piece.args[5] += effect->added_start - event->args[0];
		break;
	default:
		break;
	}
	return piece;
}

static struct error *replay(struct maps *maps, const struct memory_event *event)
{
	struct memory_effect effect = memory_event_effect(event);
	struct memory_event piece = added_piece(maps, event, &effect);
	struct error *err = remove_range(maps, effect.removed_start, effect.removed_end);

	if (!err)
		err = remove_range(maps, effect.removed2_start, effect.removed2_end);
	if (!err && effect.added_start < effect.added_end)
		err = add_piece(maps, &piece);
	if (!err && effect.touched_start < effect.touched_end &&
	    (event->kind == MEMORY_MPROTECT || event->kind == MEMORY_PKEY_MPROTECT))
		err = protect(maps, effect.touched_start, effect.touched_end, event->args[2]);
	return err;
}

/* ---- which places, and their events ---- */

struct places {
	struct store_scan scan; /* first */
	bool code_only;		/* only where a file was mapped executable */
	struct store_range *ranges;
	size_t count, capacity;
	struct memory_event *events; /* newest first */
	size_t event_count, event_capacity;
};

static struct error *add_place(struct places *places, uint64_t start, uint64_t end)
{
	if (start >= end)
		return NULL;
	if (places->count == places->capacity) {
		size_t capacity = places->capacity ? 2 * places->capacity : 64;
		struct store_range *ranges = reallocarray(places->ranges, capacity, sizeof(*ranges));

		if (!ranges)
			return &error_no_memory;
		places->ranges = ranges;
		places->capacity = capacity;
	}
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
	struct error *err = store_connection_prepare(&places->scan.reader->connection,
						     "SELECT " EVENT_COLUMNS " FROM event WHERE space_id = ?1 AND "
						     "(file_id > 0 OR kind = 1) AND enter_ns < ?2",
						     0, &statement);
	int status = SQLITE_DONE;

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, step->space_id);
	sqlite3_bind_int64(statement, 2, store_time(step->until_ns));
	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		struct memory_effect effect;
		struct memory_event event;

		read_event(statement, &event);
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

static struct error *take_event(struct store_scan *scan, sqlite3_stmt *row)
{
	struct places *places = (struct places *)scan;
	struct memory_effect effect;
	struct memory_event event;

	read_event(row, &event);
	if (!store_lineage_holds(scan->steps, scan->step_count, event.space_id, event.enter_ns))
		return NULL;
	effect = memory_event_effect(&event);
	if (!concerns(places, &effect))
		return NULL;
	if (places->event_count == places->event_capacity) {
		size_t capacity = places->event_capacity ? 2 * places->event_capacity : 256;
		struct memory_event *events = reallocarray(places->events, capacity, sizeof(*events));

		if (!events)
			return &error_no_memory;
		places->events = events;
		places->event_capacity = capacity;
	}
	places->events[places->event_count++] = event;
	return NULL;
}

/* The events of the places, newest first, become places->events, which the caller frees. */
static struct error *load_events(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
				 struct places *places)
{
	cleanup_free struct lineage_step *steps = NULL;
	struct error *err;
	bool is_cut;

	places->scan = (struct store_scan){.reader = reader,
					   .table = "event",
					   .columns = EVENT_COLUMNS,
					   .blocks_table = "event_block",
					   .granule_shift = BLOCK_PAGE_SHIFT,
					   .take_row = take_event};
	err = store_lineage(reader, space_id, until_ns, &steps, &places->scan.step_count, &is_cut);
	places->scan.steps = steps;
	for (size_t i = 0; !err && i < places->scan.step_count; i++)
		err = find_places(places, &steps[i]);
	merge_places(places);
	places->scan.ranges = places->ranges;
	places->scan.range_count = places->count;
	if (!err && places->count)
		err = store_scan_run(&places->scan);
	free(places->ranges);
	return err;
}

struct error *store_reader_maps_at(struct store_reader *reader, int64_t space_id, uint64_t time_ns,
				   struct memory_event **ret_mappings, size_t *ret_count)
{
	struct places places = {0};
	struct maps maps = {0};
	struct error *err = load_events(reader, space_id, time_ns, &places);

	while (!err && places.event_count)
		err = replay(&maps, &places.events[--places.event_count]);
	free(places.events);
	if (err) {
		free(maps.pieces);
		return err;
	}
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
