/* SPDX-License-Identifier: MIT */
#include "analyzer/timeline.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Lives of the past and present in one growing array; `alive` holds the indices of the living ones by address. */
struct replay {
	struct timeline *timeline;
	size_t life_room;
	size_t *alive;
	size_t alive_count, alive_room;
};

static struct error *grow(void **array, size_t count, size_t *room, size_t element)
{
	size_t wanted = *room ? *room * 2 : 16;
	void *grown;

	if (count < *room)
		return NULL;
	grown = reallocarray(*array, wanted, element);
	if (!grown)
		return &error_no_memory;
	*array = grown;
	*room = wanted;
	return NULL;
}

/* Index in `alive` of the first living piece that ends above `address`. */
static size_t first_alive_above(const struct replay *replay, uint64_t address)
{
	size_t low = 0, high = replay->alive_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (replay->timeline->lives[replay->alive[middle]].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static struct error *add_life(struct replay *replay, const struct life *life, size_t position)
{
	struct timeline *timeline = replay->timeline;
	struct error *err = grow((void **)&timeline->lives, timeline->life_count, &replay->life_room, sizeof(*life));

	if (!err)
		err = grow((void **)&replay->alive, replay->alive_count, &replay->alive_room, sizeof(*replay->alive));
	if (err)
		return err;
	memmove(replay->alive + position + 1, replay->alive + position,
		(replay->alive_count - position) * sizeof(*replay->alive));
	replay->alive[position] = timeline->life_count;
	replay->alive_count++;
	timeline->lives[timeline->life_count++] = *life;
	return NULL;
}

/* Splits the living piece at alive[position] at `address`, which lies inside it: the upper part becomes a life of its
 * own. */
static struct error *split(struct replay *replay, size_t position, uint64_t address)
{
	struct life upper = replay->timeline->lives[replay->alive[position]];
	struct error *err;

	upper.start = address;
	err = add_life(replay, &upper, position + 1);
	if (!err)
		replay->timeline->lives[replay->alive[position]].end = address;
	return err;
}

/* Cuts living pieces at both ends of [start, end), so that each lies wholly inside or outside. */
static struct error *cut(struct replay *replay, uint64_t start, uint64_t end)
{
	const uint64_t edges[2] = {start, end};

	for (int i = 0; i < 2; i++) {
		size_t position = first_alive_above(replay, edges[i]);

		if (position < replay->alive_count &&
		    replay->timeline->lives[replay->alive[position]].start < edges[i]) {
			struct error *err = split(replay, position, edges[i]);

			if (err)
				return err;
		}
	}
	return NULL;
}

static struct error *remove_range(struct replay *replay, uint64_t start, uint64_t end, size_t index)
{
	struct error *err = cut(replay, start, end);
	size_t first, last;

	if (err)
		return err;
	first = last = first_alive_above(replay, start);
	while (last < replay->alive_count && replay->timeline->lives[replay->alive[last]].start < end)
		replay->timeline->lives[replay->alive[last++]].died = index;
	if (last > first)
		memmove(replay->alive + first, replay->alive + last,
			(replay->alive_count - last) * sizeof(*replay->alive));
	replay->alive_count -= last - first;
	return NULL;
}

static int protection_of(const struct memory_event *event)
{
	switch (event->kind) {
	case MEMORY_SEEN:
	case MEMORY_MMAP:
		return (int)event->args[2];
	case MEMORY_BRK:
		return PROT_READ | PROT_WRITE;
	default:
		return -1;
	}
}

/* Fills the parts of [start, end) that no life covers. */
static struct error *add_range(struct replay *replay, uint64_t start, uint64_t end, size_t index)
{
	struct life life = {
		.born = index,
		.died = TIMELINE_ALIVE,
		.protection = protection_of(&replay->timeline->events[index]),
		.protected_by = index,
	};

	while (start < end) {
		size_t position = first_alive_above(replay, start);
		const struct life *next =
			position < replay->alive_count ? &replay->timeline->lives[replay->alive[position]] : NULL;
		struct error *err;

		if (next && next->start <= start) {
			start = next->end;
			continue;
		}
		life.start = start;
		life.end = next && next->start < end ? next->start : end;
		start = life.end;
		err = add_life(replay, &life, position);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *protect_range(struct replay *replay, uint64_t start, uint64_t end, size_t index)
{
	struct error *err = cut(replay, start, end);

	for (size_t i = first_alive_above(replay, start); !err && i < replay->alive_count; i++) {
		struct life *life = &replay->timeline->lives[replay->alive[i]];

		if (life->start >= end)
			break;
		life->protection = (int)replay->timeline->events[index].args[2];
		life->protected_by = index;
	}
	return err;
}

static bool clip(const struct timeline *timeline, uint64_t *start, uint64_t *end)
{
	if (*start < timeline->start)
		*start = timeline->start;
	if (*end > timeline->end)
		*end = timeline->end;
	return *start < *end;
}

static struct error *replay_event(struct replay *replay, size_t index)
{
	const struct memory_event *event = &replay->timeline->events[index];
	struct memory_effect effect = memory_event_effect(event);
	struct error *err = NULL;

	if (clip(replay->timeline, &effect.removed_start, &effect.removed_end))
		err = remove_range(replay, effect.removed_start, effect.removed_end, index);
	if (!err && clip(replay->timeline, &effect.removed2_start, &effect.removed2_end))
		err = remove_range(replay, effect.removed2_start, effect.removed2_end, index);
	if (!err && clip(replay->timeline, &effect.added_start, &effect.added_end)) {
		/* The kernel gives out free addresses only. A living piece there means that its end was not seen (it
		 * was lost, or it ran beside this call): the new mapping is what counts. What a snapshot saw is the
		 * same mapping. */
		if (event->kind != MEMORY_SEEN)
			err = remove_range(replay, effect.added_start, effect.added_end, index);
		if (!err)
			err = add_range(replay, effect.added_start, effect.added_end, index);
	}
	if (!err && (event->kind == MEMORY_MPROTECT || event->kind == MEMORY_PKEY_MPROTECT) &&
	    clip(replay->timeline, &effect.touched_start, &effect.touched_end))
		err = protect_range(replay, effect.touched_start, effect.touched_end, index);
	return err;
}

static int compare_lives(const void *a, const void *b)
{
	const struct life *left = a, *right = b;

	if (left->born != right->born)
		return left->born < right->born ? -1 : 1;
	return (left->start > right->start) - (left->start < right->start);
}

struct error *timeline_build(const struct memory_event *events, size_t event_count, uint64_t start, uint64_t end,
			     struct timeline *ret_timeline)
{
	struct replay replay = {.timeline = ret_timeline};
	struct error *err = NULL;

	*ret_timeline = (struct timeline){.events = events, .event_count = event_count, .start = start, .end = end};
	for (size_t i = 0; i < event_count && !err; i++)
		err = replay_event(&replay, i);
	free(replay.alive);
	/* Splitting left the upper parts at the end. */
	if (ret_timeline->life_count)
		qsort(ret_timeline->lives, ret_timeline->life_count, sizeof(*ret_timeline->lives), compare_lives);
	if (err)
		timeline_deinit(ret_timeline);
	return err;
}

void timeline_deinit(struct timeline *timeline)
{
	free(timeline->lives);
	*timeline = (struct timeline){0};
}

const struct life *timeline_last_life(const struct timeline *timeline, uint64_t address)
{
	const struct life *last = NULL;

	for (size_t i = 0; i < timeline->life_count; i++) {
		const struct life *life = &timeline->lives[i];

		if (address >= life->start && address < life->end && (!last || life->born > last->born))
			last = life;
	}
	return last;
}

const struct life *timeline_life_before(const struct timeline *timeline, uint64_t address, size_t index)
{
	for (size_t i = 0; i < timeline->life_count; i++) {
		const struct life *life = &timeline->lives[i];

		if (address >= life->start && address < life->end && life->born < index &&
		    (life->died == TIMELINE_ALIVE || life->died >= index))
			return life;
	}
	return NULL;
}

uint64_t timeline_bytes_removed(const struct timeline *timeline, size_t index)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < timeline->life_count; i++) {
		if (timeline->lives[i].died == index)
			bytes += timeline->lives[i].end - timeline->lives[i].start;
	}
	return bytes;
}

bool timeline_ordered(const struct memory_event *first, const struct memory_event *second)
{
	return first->exit_ns < second->enter_ns;
}

static bool grows_in_place(const struct memory_event *event)
{
	return event->kind == MEMORY_MREMAP && (uint64_t)event->result == event->args[0];
}

void timeline_added_range(const struct memory_event *event, uint64_t *ret_start, uint64_t *ret_end)
{
	struct memory_effect effect = memory_event_effect(event);

	*ret_start = effect.added_start;
	*ret_end = effect.added_end;
	/* Only the new part is added; the mapping is the old part and the new. */
	if (grows_in_place(event) && effect.added_start < effect.added_end && event->args[0] < effect.added_start)
		*ret_start = event->args[0];
}

void timeline_mapping_range(const struct timeline *timeline, const struct life *life, uint64_t *ret_start,
			    uint64_t *ret_end)
{
	size_t until = life->died == TIMELINE_ALIVE ? timeline->event_count : life->died;

	timeline_added_range(&timeline->events[life->born], ret_start, ret_end);
	for (size_t i = life->born + 1; i < until; i++) {
		uint64_t start, end;

		if (!grows_in_place(&timeline->events[i]))
			continue;
		timeline_added_range(&timeline->events[i], &start, &end);
		if (start >= *ret_start && start < *ret_end && end > *ret_end)
			*ret_end = end;
	}
}

void timeline_removed_range(const struct memory_event *event, uint64_t *ret_start, uint64_t *ret_end)
{
	struct memory_effect effect = memory_event_effect(event);

	*ret_start = effect.removed_start;
	*ret_end = effect.removed_end;
}

bool timeline_touches_page(const struct memory_event *event, uint64_t address)
{
	struct memory_effect effect = memory_event_effect(event);
	uint64_t page = address & ~(RECORD_PAGE_BYTES - 1);

	return memory_effect_overlaps(&effect, page, page + RECORD_PAGE_BYTES);
}
