/* SPDX-License-Identifier: MIT */
#include "analyzer/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "common/vector.h"
#include "replay/effect.h"
#include "replay/space.h"

/* Calls that are not among the timeline's events are named by numbers from here on. */
#define AROUND_FIRST (INT64_C(1) << 60)

struct builder {
	struct timeline *timeline;
	size_t life_room;
};

static size_t index_of(int64_t call)
{
	return call >= 0 && call < AROUND_FIRST ? (size_t)call : TIMELINE_ALIVE;
}

/* What an ancestor recorded is the space's own. */
static struct error *take_event(struct replay *replay, const struct memory_event *event, int64_t call,
				int64_t *ret_before)
{
	struct memory_event own = *event;

	own.space_id = 0;
	return replay_take(replay, &own, call, ret_before);
}

static struct error *take_life(void *context, const struct replay_life *found)
{
	struct builder *builder = context;
	struct timeline *timeline = builder->timeline;
	struct life life = {
		.start = found->start > timeline->start ? found->start : timeline->start,
		.end = found->end < timeline->end ? found->end : timeline->end,
		.born = index_of(found->made),
		.died = index_of(found->gone),
		.protection = found->content.protection,
		.protected_by = index_of(found->protected_by),
		.is_open = found->is_open,
		.other_end = found->other_end == REPLAY_STANDING ? TIMELINE_ALIVE : index_of(found->other_end),
	};

	life.other_protector = index_of(found->other_protector);
	life.has_other_end = found->other_end == REPLAY_STANDING || life.other_end != TIMELINE_ALIVE;
	/* What the calls around the window made of other memory. */
	if (life.start >= life.end || life.born == TIMELINE_ALIVE)
		return NULL;
	if (life.protected_by == TIMELINE_ALIVE)
		life.protected_by = life.born;
	if (array_reserve(timeline->lives, builder->life_room, timeline->life_count + 1))
		return &error_no_memory;
	timeline->lives[timeline->life_count++] = life;
	return NULL;
}

static int compare_lives(const void *a, const void *b)
{
	const struct life *left = a, *right = b;

	if (left->born != right->born)
		return left->born < right->born ? -1 : 1;
	return (left->start > right->start) - (left->start < right->start);
}

struct error *timeline_build_among(const struct memory_event *events, size_t event_count,
				   const struct timeline_around *around, uint64_t start, uint64_t end,
				   struct timeline *ret_timeline)
{
	struct builder builder = {.timeline = ret_timeline};
	const struct replay_sink sink = {.take_life = take_life, .context = &builder};
	struct replay replay;
	struct error *err = NULL;
	size_t next = 0;

	*ret_timeline = (struct timeline){.events = events, .event_count = event_count, .start = start, .end = end};
	replay_init(&replay, &sink);
	replay.is_lossy = around->is_lossy;
	for (size_t i = 0; i < event_count && !err; i++) {
		for (; next < around->count && around->events[next].id < events[i].id && !err; next++)
			err = take_event(&replay, &around->events[next], AROUND_FIRST + (int64_t)next, NULL);
		if (!err)
			err = take_event(&replay, &events[i], (int64_t)i, NULL);
	}
	if (!err)
		err = replay_finish(&replay);
	replay_deinit(&replay);
	if (ret_timeline->life_count)
		qsort(ret_timeline->lives, ret_timeline->life_count, sizeof(*ret_timeline->lives), compare_lives);
	if (err)
		timeline_deinit(ret_timeline);
	return err;
}

struct error *timeline_build(const struct memory_event *events, size_t event_count, uint64_t start, uint64_t end,
			     struct timeline *ret_timeline)
{
	return timeline_build_among(events, event_count, &(struct timeline_around){0}, start, end, ret_timeline);
}

static struct error *drop_life(void *context, const struct replay_life *life)
{
	(void)context;
	(void)life;
	return NULL;
}

static bool has_overlaps(const struct memory_event *events, size_t count)
{
	uint64_t latest = 0;

	for (size_t i = 0; i < count; i++) {
		if (i && events[i].enter_ns <= latest)
			return true;
		latest = events[i].exit_ns > latest ? events[i].exit_ns : latest;
	}
	return false;
}

/* Puts the event at `from` in front of the one that has that id. */
static void move_before(struct memory_event *events, size_t from, int64_t id)
{
	const struct memory_event moved = events[from];
	size_t to = from;

	for (size_t i = from; i-- > 0;)
		if (events[i].id == id)
			to = i;
	memmove(events + to + 1, events + to, (from - to) * sizeof(*events));
	events[to] = moved;
}

struct error *timeline_sort(struct memory_event *events, size_t event_count)
{
	const struct replay_sink sink = {.take_life = drop_life};
	struct replay replay;
	struct error *err = NULL;

	if (!has_overlaps(events, event_count))
		return NULL;
	replay_init(&replay, &sink);
	for (size_t i = 0; i < event_count && !err; i++) {
		int64_t before;

		err = take_event(&replay, &events[i], events[i].id, &before);
		if (!err && before >= 0)
			move_before(events, i, before);
	}
	replay_deinit(&replay);
	return err;
}

void timeline_note_state(struct timeline *timeline, uint64_t address, bool is_mapped, int protection)
{
	struct life *life = (struct life *)timeline_last_life(timeline, address);

	if (!life || !life->is_open)
		return;
	if (life->has_other_end && (life->died == TIMELINE_ALIVE) != is_mapped &&
	    (life->other_end == TIMELINE_ALIVE) == is_mapped) {
		life->died = life->other_end;
		life->has_other_end = false;
	}
	if (is_mapped && life->died == TIMELINE_ALIVE && life->protection != protection &&
	    life->other_protector != TIMELINE_ALIVE &&
	    (int)timeline->events[life->other_protector].args[2] == protection) {
		life->protection = protection;
		life->protected_by = life->other_protector;
	}
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

const struct life *timeline_life_at(const struct timeline *timeline, uint64_t address, uint64_t time_ns)
{
	const struct life *last = NULL;

	for (size_t i = 0; i < timeline->life_count; i++) {
		const struct life *life = &timeline->lives[i];

		if (address >= life->start && address < life->end && timeline->events[life->born].enter_ns <= time_ns &&
		    (life->died == TIMELINE_ALIVE || timeline->events[life->died].enter_ns > time_ns) &&
		    (!last || life->born > last->born))
			last = life;
	}
	return last;
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
	struct memory_effect effect = memory_event_reach(event);

	*ret_start = effect.removed_start;
	*ret_end = effect.removed_end;
}

bool timeline_touches_page(const struct memory_event *event, uint64_t address)
{
	struct memory_effect effect = memory_event_reach(event);
	uint64_t page = address & ~(RECORD_PAGE_BYTES - 1);

	return memory_effect_overlaps(&effect, page, page + RECORD_PAGE_BYTES);
}
