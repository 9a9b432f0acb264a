/* SPDX-License-Identifier: MIT */
#include "replay/heap_lives.h"

#include <stdlib.h>

#include "common/cleanup.h"

/* ---- collecting ---- */

struct collection {
	struct heap_replay_life *lives;
	size_t life_count;
	struct heap_replay_end *ends; /* by event; end HEAP_END_NONE: none */
	size_t *outer;
};

static struct error *take_life(void *context, const struct heap_replay_life *life)
{
	struct collection *collection = context;

	collection->lives[collection->life_count++] = *life;
	return NULL;
}

static struct error *take_end(void *context, const struct heap_replay_end *end)
{
	struct collection *collection = context;

	collection->ends[end->call] = *end;
	return NULL;
}

static void take_part(void *context, int64_t inner, int64_t outer)
{
	struct collection *collection = context;

	collection->outer[inner] = (size_t)outer;
}

/* A realloc may show a life and begin one. */
static int compare_lives(const void *left, const void *right)
{
	const struct heap_replay_life *a = left, *b = right;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return b->unseen - a->unseen;
}

static size_t find_life(const struct collection *collection, int64_t first, bool unseen)
{
	struct heap_replay_life key = {.unseen = unseen}, *life;

	if (first == HEAP_REPLAY_NO_CALL)
		return SIZE_MAX;
	key.first = (int64_t)collection->outer[first];
	life = bsearch(&key, collection->lives, collection->life_count, sizeof(key), compare_lives);
	return life ? (size_t)(life - collection->lives) : SIZE_MAX;
}

/* What was reported of inner calls is their outermost one's. */
static void find_outermost(const struct heap *heap, struct collection *collection)
{
	for (size_t i = 0; i < heap->event_count; i++) {
		size_t outer = i;

		while (collection->outer[outer] != outer)
			outer = collection->outer[outer];
		collection->outer[i] = outer;
		if (outer != i && collection->ends[i].end != HEAP_END_NONE) {
			collection->ends[outer] = collection->ends[i];
			collection->ends[i].end = HEAP_END_NONE;
		}
	}
	for (size_t i = 0; i < collection->life_count; i++) {
		struct heap_replay_life *life = &collection->lives[i];

		life->first = (int64_t)collection->outer[life->first];
		if (life->gone >= 0)
			life->gone = (int64_t)collection->outer[life->gone];
	}
	qsort(collection->lives, collection->life_count, sizeof(*collection->lives), compare_lives);
}

static struct heap_life life_of(const struct heap_replay_life *life)
{
	return (struct heap_life){
		.start = life->start,
		.size = life->size,
		.born = life->unseen ? HEAP_UNSEEN : (size_t)life->first,
		.died = life->gone == HEAP_REPLAY_STANDING ? HEAP_ALIVE
			: life->gone == HEAP_REPLAY_UNSEEN ? HEAP_UNSEEN
							   : (size_t)life->gone,
	};
}

static void settle(struct heap *heap, struct collection *collection)
{
	find_outermost(heap, collection);
	for (size_t i = 0; i < collection->life_count; i++)
		heap->lives[i] = life_of(&collection->lives[i]);
	heap->life_count = collection->life_count;
	for (size_t i = 0; i < heap->event_count; i++) {
		const struct heap_replay_end *end = &collection->ends[i];

		heap->ends[i] = end->end;
		heap->ended[i] = end->end == HEAP_END_NONE ? SIZE_MAX : find_life(collection, end->life, end->unseen);
	}
}

static struct error *replay_all(struct heap *heap, struct collection *collection)
{
	const struct heap_replay_sink sink = {take_life, take_end, take_part, collection};
	struct heap_replay replay;
	struct error *err = NULL;

	heap_replay_init(&replay, &sink);
	for (size_t i = 0; !err && i < heap->event_count; i++) {
		struct heap_event event = heap->events[i];

		event.space_id = 0;
		err = heap_replay_take(&replay, &event, (int64_t)i);
	}
	if (!err)
		err = heap_replay_finish(&replay);
	heap_replay_deinit(&replay);
	return err;
}

struct error *heap_build(const struct heap_event *events, size_t event_count, struct heap *ret_heap)
{
	/* A realloc may begin two lives: the one that it was given, unseen, and the one that it made. */
	size_t life_room = 2 * event_count + 1;
	struct heap heap = {.events = events, .event_count = event_count};
	cleanup_free struct heap_replay_life *lives = calloc(life_room, sizeof(*lives));
	cleanup_free struct heap_replay_end *ends = calloc(event_count + 1, sizeof(*ends));
	struct collection collection = {.lives = lives, .ends = ends};
	struct error *err = &error_no_memory;

	*ret_heap = (struct heap){0};
	heap.lives = calloc(life_room, sizeof(*heap.lives));
	heap.outer = calloc(event_count + 1, sizeof(*heap.outer));
	heap.ends = calloc(event_count + 1, sizeof(*heap.ends));
	heap.ended = calloc(event_count + 1, sizeof(*heap.ended));
	if (lives && ends && heap.lives && heap.outer && heap.ends && heap.ended) {
		collection.outer = heap.outer;
		for (size_t i = 0; i < event_count; i++)
			heap.outer[i] = i;
		err = replay_all(&heap, &collection);
	}
	if (err) {
		heap_deinit(&heap);
		return err;
	}
	settle(&heap, &collection);
	*ret_heap = heap;
	return NULL;
}

void heap_deinit(struct heap *heap)
{
	free(heap->lives);
	free(heap->outer);
	free(heap->ends);
	free(heap->ended);
	*heap = (struct heap){0};
}

/* ---- questions ---- */

const struct heap_life *heap_last_life(const struct heap *heap, uint64_t address)
{
	for (size_t i = heap->life_count; i-- > 0;) {
		const struct heap_life *life = &heap->lives[i];

		if (address == life->start || (address > life->start && address - life->start < life->size))
			return life;
	}
	return NULL;
}

const struct heap_life *heap_live_before(const struct heap *heap, uint64_t address)
{
	const struct heap_life *best = NULL;

	for (size_t i = 0; i < heap->life_count; i++) {
		const struct heap_life *life = &heap->lives[i];

		if (life->died != HEAP_ALIVE || life->born == HEAP_UNSEEN || life->start > address ||
		    life->size > address - life->start)
			continue;
		if (!best || life->start + life->size > best->start + best->size)
			best = life;
	}
	return best;
}

const struct heap_life *heap_live_after(const struct heap *heap, uint64_t address)
{
	const struct heap_life *best = NULL;

	for (size_t i = 0; i < heap->life_count; i++) {
		const struct heap_life *life = &heap->lives[i];

		if (life->died == HEAP_ALIVE && life->born != HEAP_UNSEEN && life->start > address &&
		    (!best || life->start < best->start))
			best = life;
	}
	return best;
}

bool heap_life_resized(const struct heap *heap, const struct heap_life *life)
{
	return life->died < heap->event_count && heap_call_is_realloc(&heap->events[life->died]) &&
	       heap->events[life->died].block == life->start;
}
