/* SPDX-License-Identifier: MIT */
/*
 * A Bloom filter holds (space, level, granule) keys. A range is entered at the finest level at which it covers at most
 * four steps of a granule of (4096, or for heap blocks 16) << 2 * level bytes, so that a page and a mapping of a
 * terabyte both cost a few keys and neither drowns the other. A question is put at each level that the run used.
 *
 * Heap blocks that are smaller than pages are entered once more by the page, so that a question about more than a few
 * granules can still be answered with "no".
 */
#include "schema/index_run.h"

#include <stdlib.h>

#include "replay/effect.h"

#define LEVEL_SHIFT 2
#define PAGE_SHIFT 12
/* The level of the keys by the page of ranges that were entered at a finer one. */
#define PAGE_LEVEL 64
#define RANGE_STEPS 4
/* A question that covers more granules than this at some level is answered by "perhaps". */
#define QUESTION_STEPS 16
#define FILTER_BITS (INDEX_RUN_FILTER_BYTES * 8ULL)
#define FILTER_HASHES 5

/* The finalizer of splitmix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static uint64_t key_hash(int64_t space_id, unsigned int level, uint64_t granule)
{
	return mix(mix((uint64_t)space_id * 0x9e3779b97f4a7c15ULL + level) + granule);
}

/* The bit numbers of a key are drawn from two halves of one hash (Kirsch and Mitzenmacher). */
static uint32_t key_bit(uint64_t hash, unsigned int n)
{
	uint32_t value = (uint32_t)hash + n * ((uint32_t)(hash >> 32) | 1);

	return (uint32_t)(value * FILTER_BITS >> 32);
}

static void filter_add(uint8_t *filter, uint64_t hash)
{
	for (unsigned int n = 0; n < FILTER_HASHES; n++) {
		uint32_t bit = key_bit(hash, n);

		filter[bit / 8] |= (uint8_t)(1U << bit % 8);
	}
}

static bool filter_has(const uint8_t *filter, uint64_t hash)
{
	for (unsigned int n = 0; n < FILTER_HASHES; n++) {
		uint32_t bit = key_bit(hash, n);

		if (!(filter[bit / 8] & 1U << bit % 8))
			return false;
	}
	return true;
}

static unsigned int level_shift(unsigned int granule_shift, unsigned int level)
{
	return granule_shift + LEVEL_SHIFT * level;
}

static void add_keys(uint8_t *filter, int64_t space_id, unsigned int level, uint64_t first, uint64_t last)
{
	for (uint64_t granule = first; granule <= last; granule++)
		filter_add(filter, key_hash(space_id, level, granule));
}

void index_run_add_range(struct index_run *run, int64_t space_id, uint64_t start, uint64_t end)
{
	unsigned int shift = run->granule_shift, level = 0;

	if (start >= end)
		return;
	while (((end - 1) >> shift) - (start >> shift) >= RANGE_STEPS)
		shift = level_shift(run->granule_shift, ++level);
	add_keys(run->filter, space_id, level, start >> shift, (end - 1) >> shift);
	if (shift < PAGE_SHIFT)
		add_keys(run->filter, space_id, PAGE_LEVEL, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT);
	run->levels |= 1U << level;

	if (run->low == run->high) {
		run->low = start;
		run->high = end;
		return;
	}
	if (start < run->low)
		run->low = start;
	if (end > run->high)
		run->high = end;
}

void index_run_init(struct index_run *run, unsigned int granule_shift)
{
	*run = (struct index_run){.granule_shift = granule_shift};
}

void index_run_add_event(struct index_run *run, int64_t id, int64_t space_id, uint64_t enter_ns)
{
	if (run->count == 0)
		run->first_event_id = id;
	run->last_event_id = id;
	run->events[run->count++] = (struct index_run_row){space_id, enter_ns};
}

void index_run_add(struct index_run *run, int64_t id, const struct memory_event *event)
{
	struct memory_effect effect = memory_event_reach(event);

	index_run_add_event(run, id, event->space_id, event->enter_ns);
	index_run_add_range(run, event->space_id, effect.removed_start, effect.removed_end);
	index_run_add_range(run, event->space_id, effect.removed2_start, effect.removed2_end);
	/* What MAP_FIXED replaces it also adds; the same keys twice would only cost time. */
	if (effect.added_start != effect.removed_start || effect.added_end != effect.removed_end)
		index_run_add_range(run, event->space_id, effect.added_start, effect.added_end);
	index_run_add_range(run, event->space_id, effect.touched_start, effect.touched_end);
}

static int compare_spaces(const void *a, const void *b)
{
	const struct index_run_row *first = a, *second = b;

	return (first->space_id > second->space_id) - (first->space_id < second->space_id);
}

/* Mostly it is: a process has its calls together. */
static bool is_by_space(const struct index_run *run)
{
	for (uint32_t i = 1; i < run->count; i++)
		if (run->events[i - 1].space_id > run->events[i].space_id)
			return false;
	return true;
}

static void time_span(const struct index_run_row *events, uint32_t count, uint64_t *ret_from, uint64_t *ret_to)
{
	uint64_t from = events[0].enter_ns, to = events[0].enter_ns;

	for (uint32_t i = 1; i < count; i++) {
		if (events[i].enter_ns < from)
			from = events[i].enter_ns;
		if (events[i].enter_ns > to)
			to = events[i].enter_ns;
	}
	*ret_from = from;
	*ret_to = to;
}

void index_run_summarise(const struct index_run *run, struct index_run_summary *ret)
{
	*ret = (struct index_run_summary){
		.last_event_id = run->last_event_id,
		.first_event_id = run->first_event_id,
		.low = run->low,
		.high = run->high,
		.levels = run->levels,
		.filter = run->filter,
		.filter_bytes = sizeof(run->filter),
	};
	time_span(run->events, run->count, &ret->from_ns, &ret->to_ns);
}

bool index_run_next_share(struct index_run *run, uint32_t *at, struct index_run_share *ret)
{
	const struct index_run_row *events = &run->events[*at];
	uint32_t count = 1;

	if (*at == 0 && !is_by_space(run))
		qsort(run->events, run->count, sizeof(run->events[0]), compare_spaces);
	if (*at >= run->count)
		return false;
	while (*at + count < run->count && events[count].space_id == events->space_id)
		count++;
	*ret = (struct index_run_share){events->space_id, run->last_event_id, count, 0, 0};
	time_span(events, count, &ret->from_ns, &ret->to_ns);
	*at += count;
	return true;
}

static bool keys_may_match(const uint8_t *filter, int64_t space_id, unsigned int level, uint64_t first, uint64_t last)
{
	if (last - first >= QUESTION_STEPS)
		return true;
	for (uint64_t granule = first; granule <= last; granule++)
		if (filter_has(filter, key_hash(space_id, level, granule)))
			return true;
	return false;
}

bool index_run_may_match(const uint8_t *filter, unsigned int granule_shift, uint32_t levels, int64_t space_id,
			 uint64_t start, uint64_t end)
{
	bool small;

	if (start >= end)
		return false;
	small = granule_shift < PAGE_SHIFT &&
		keys_may_match(filter, space_id, PAGE_LEVEL, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT);
	for (unsigned int level = 0; level < 32 && level_shift(granule_shift, level) < 64; level++) {
		unsigned int shift = level_shift(granule_shift, level);

		if (!(levels & 1U << level) || (shift < PAGE_SHIFT && !small))
			continue;
		if (keys_may_match(filter, space_id, level, start >> shift, (end - 1) >> shift))
			return true;
	}
	return false;
}
