/* SPDX-License-Identifier: MIT */
/*
 * The recorded lives of a range: its events, in the order in which they took effect, and what else must be known to
 * replay them. What mremap brought in has the permissions of where it came from; a failed mprotect changed what lies
 * before the first hole, which may be far from here.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "replay/effect.h"
#include "schema/reader_gaps.h"
#include "schema/reader_history.h"
#include "schema/record_recording.h"

/* Ranges that are looked at besides the one that was asked for; what was moved again and again is followed so far. */
#define RANGES_MAX 64
#define AROUND_LIMIT 4096

struct range {
	uint64_t start, end;
	uint64_t until_ns;
};

struct around {
	struct range ranges[RANGES_MAX];
	size_t range_count;
	struct memory_event *events;
	size_t count;
};

static void add_range(struct around *around, uint64_t start, uint64_t end, uint64_t until_ns)
{
	if (start < end && around->range_count < RANGES_MAX)
		around->ranges[around->range_count++] = (struct range){start, end, until_ns};
}

/* Where the memory came from that the call put into [start, end). */
static void add_sources(struct around *around, const struct memory_event *event, uint64_t start, uint64_t end)
{
	const struct memory_effect effect = memory_event_effect(event);
	uint64_t old_start = event->args[0], until_ns = event->exit_ns;
	uint64_t old_bytes = (event->args[1] + RECORD_PAGE_BYTES - 1) & ~(RECORD_PAGE_BYTES - 1);
	uint64_t shift = (uint64_t)event->result - old_start;

	if (effect.added_start >= effect.added_end || effect.added_start >= end || effect.added_end <= start)
		return;
	add_range(around, old_start, old_start + RECORD_PAGE_BYTES, until_ns);
	if (!old_bytes)
		return;
	/* What it grew by is like its last page. */
	add_range(around, old_start + old_bytes - RECORD_PAGE_BYTES, old_start + old_bytes, until_ns);
	start = start - shift > old_start && start > effect.added_start ? start - shift : old_start;
	end = end < effect.added_end ? end - shift : effect.added_end - shift;
	if (shift)
		add_range(around, start, end < old_start + old_bytes ? end : old_start + old_bytes, until_ns);
}

static void add_dependence(struct around *around, const struct memory_event *event, uint64_t start, uint64_t end)
{
	const struct memory_effect reach = memory_event_reach(event);

	if (!memory_effect_overlaps(&reach, start, end))
		return;
	if (event->kind == MEMORY_MREMAP && !memory_event_failed(event))
		add_sources(around, event, start, end);
	else if ((event->kind == MEMORY_MPROTECT || event->kind == MEMORY_PKEY_MPROTECT) && memory_event_failed(event))
		add_range(around, reach.touched_start, reach.touched_end, event->exit_ns);
}

static struct error *read_range(struct store_reader *store, int64_t space_id, const struct range *range,
				struct around *around, bool *truncated)
{
	const struct history_query query = {
		.space_id = space_id,
		.start = range->start,
		.end = range->end,
		.until_ns = range->until_ns,
		.limit = AROUND_LIMIT,
	};
	cleanup_free struct memory_event *events = NULL;
	bool is_cut;
	size_t count = 0;
	struct error *err = store_reader_history(store, &query, &events, &count, &is_cut);

	if (err)
		return err;
	*truncated |= is_cut;
	if (array_resize(around->events, around->count + count + 1))
		return &error_no_memory;
	for (size_t i = 0; i < count; i++) {
		around->events[around->count++] = events[i];
		add_dependence(around, &events[i], range->start, range->end);
	}
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	const struct memory_event *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

/* Each once, and none that is in the window itself. */
static struct error *drop_known(struct around *around, const struct memory_event *events, size_t count)
{
	cleanup_free struct memory_event *sorted = calloc(count + 1, sizeof(*sorted));
	size_t kept = 0;

	if (!sorted)
		return &error_no_memory;
	memcpy(sorted, events, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_ids);
	qsort(around->events, around->count, sizeof(*around->events), compare_ids);
	for (size_t i = 0; i < around->count; i++) {
		const struct memory_event *event = &around->events[i];

		if ((kept && around->events[kept - 1].id == event->id) ||
		    bsearch(event, sorted, count, sizeof(*sorted), compare_ids))
			continue;
		around->events[kept++] = *event;
	}
	around->count = kept;
	return NULL;
}

static struct error *has_losses(struct store_reader *store, const struct history_query *query, bool *ret_is_lossy)
{
	cleanup_free struct gap *gaps = NULL;
	size_t count = 0;
	struct error *err = store_reader_space_gaps(store, query->space_id, query->until_ns, &gaps, &count);

	*ret_is_lossy = count > 0;
	return err;
}

struct error *assemble_read_lives(struct store_reader *store, const struct history_query *query,
				  struct memory_event **ret_events, size_t *ret_count, bool *ret_truncated,
				  struct timeline *ret_timeline)
{
	cleanup_free struct memory_event *events = NULL;
	struct around around = {0};
	bool is_lossy = false;
	size_t count = 0;
	struct error *err = store_reader_history(store, query, &events, &count, ret_truncated);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		add_dependence(&around, &events[i], query->start, query->end);
	for (size_t i = 0; i < around.range_count && !err; i++)
		err = read_range(store, query->space_id, &around.ranges[i], &around, ret_truncated);
	if (!err && around.count)
		err = drop_known(&around, events, count);
	if (!err)
		err = has_losses(store, query, &is_lossy)
			?: timeline_sort(events, count)
			?: timeline_build_among(events, count,
						&(struct timeline_around){around.events, around.count, is_lossy},
						query->start, query->end, ret_timeline);
	free(around.events);
	if (err)
		return err;
	*ret_count = count;
	*ret_events = take_pointer(events);
	return NULL;
}
