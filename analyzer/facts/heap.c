/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/heap.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* No operator delete is as long as this. */
#define WRAPPER_BYTES_MAX 4096
/* How deep calls of the allocator nest: new[] in new in aligned_alloc in memalign in malloc. */
#define NESTING_MAX 32
/* How far ahead a realloc is looked for that returned after its old block was handed out again. */
#define LATE_REALLOC_MAX 256
/* Two frees of different threads that are further apart than this were not under way together. */
#define FREE_NS_MAX 1000000

static bool is_realloc(const struct heap_event *event)
{
	return event->role == FUNCTION_REALLOC || event->role == FUNCTION_REALLOCARRAY;
}

static bool is_free(const struct heap_event *event)
{
	return event->role == FUNCTION_FREE || event->role == FUNCTION_DELETE;
}

bool heap_gives_back(const struct heap_event *event)
{
	return event->old_block && (is_free(event) || is_realloc(event));
}

/* ---- calls that are part of others ---- */

struct order {
	const struct heap_event *events;
	size_t index;
};

static int order_compare(const void *left, const void *right)
{
	const struct order *a = left, *b = right;
	const struct heap_event *first = &a->events[a->index], *second = &b->events[b->index];

	if (first->tid != second->tid)
		return first->tid < second->tid ? -1 : 1;
	if (first->enter_ns != second->enter_ns)
		return first->enter_ns < second->enter_ns ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* `inner` began while `outer` was under way in the same thread: does it do the outer one's work? */
static bool is_part(const struct heap_event *outer, const struct heap_event *inner)
{
	if (is_free(inner))
		return inner->old_block && inner->old_block == outer->old_block;
	return inner->block && inner->block == outer->block;
}

/* An operator delete that calls or jumps to free (or to a plainer delete). A jump leaves the stack as it was; a call
 * returns into the function. */
static bool is_part_of_delete(const struct heap_event *outer, const struct heap_event *inner)
{
	if (outer->role != FUNCTION_DELETE || !is_free(inner) || outer->tid != inner->tid || outer->ip == inner->ip ||
	    outer->old_block != inner->old_block)
		return false;
	if (inner->sp == outer->sp && inner->top_word == outer->top_word)
		return true;
	return inner->sp < outer->sp && inner->top_word - outer->ip < WRAPPER_BYTES_MAX;
}

static void find_outer_of(struct heap *heap, const struct order *order, size_t at, size_t *open, size_t *open_count)
{
	size_t index = order[at].index;
	const struct heap_event *event = &heap->events[index];

	while (*open_count) {
		const struct heap_event *top = &heap->events[open[*open_count - 1]];

		if (top->tid == event->tid && (top->exit_ns ? top->exit_ns >= event->enter_ns : top->sp >= event->sp))
			break;
		(*open_count)--;
	}
	for (size_t i = *open_count; i-- > 0;) {
		if (!is_part(&heap->events[open[i]], event))
			continue;
		heap->outer[index] = heap->outer[open[i]];
		break;
	}
	/* A chain of deletes passes each function once; the same again is a new call. */
	if (at && is_free(event) && heap->outer[index] == index &&
	    is_part_of_delete(&heap->events[order[at - 1].index], event) &&
	    heap->events[heap->outer[order[at - 1].index]].ip != event->ip)
		heap->outer[index] = heap->outer[order[at - 1].index];
	if (!is_free(event) && *open_count < NESTING_MAX)
		open[(*open_count)++] = index;
}

static struct error *find_outer(struct heap *heap)
{
	cleanup_free struct order *order = calloc(heap->event_count ?: 1, sizeof(*order));
	size_t open[NESTING_MAX], open_count = 0;

	if (!order)
		return &error_no_memory;
	for (size_t i = 0; i < heap->event_count; i++) {
		order[i] = (struct order){heap->events, i};
		heap->outer[i] = i;
	}
	qsort(order, heap->event_count, sizeof(*order), order_compare);
	for (size_t i = 0; i < heap->event_count; i++)
		find_outer_of(heap, order, i, open, &open_count);
	return NULL;
}

/* ---- replay ---- */

/* The youngest life that starts at an address: a hash table with open addressing, of life index plus one. */
struct starts {
	size_t *slots;
	size_t mask;
};

static size_t *starts_slot(const struct starts *starts, const struct heap *heap, uint64_t start)
{
	size_t at = (start >> 4) * 0x9e3779b97f4a7c15ULL >> 20 & starts->mask;

	while (starts->slots[at] && heap->lives[starts->slots[at] - 1].start != start)
		at = (at + 1) & starts->mask;
	return &starts->slots[at];
}

static void begin_life(struct heap *heap, struct starts *starts, uint64_t start, uint64_t size, size_t born)
{
	heap->lives[heap->life_count] =
		(struct heap_life){.start = start, .size = size, .born = born, .died = HEAP_ALIVE};
	heap->life_count++;
	*starts_slot(starts, heap, start) = heap->life_count;
}

static const struct heap_life *live_around(const struct heap *heap, uint64_t address)
{
	for (size_t i = heap->life_count; i-- > 0;) {
		const struct heap_life *life = &heap->lives[i];

		if (life->died == HEAP_ALIVE && life->born != HEAP_UNSEEN && address > life->start &&
		    address - life->start < life->size)
			return life;
	}
	return NULL;
}

/* A realloc of that block was under way when event `index` returned it to somebody else. */
static size_t late_realloc(const struct heap *heap, size_t index)
{
	const struct heap_event *event = &heap->events[index];

	for (size_t i = index + 1; i < heap->event_count && i - index < LATE_REALLOC_MAX; i++) {
		const struct heap_event *later = &heap->events[i];

		if (is_realloc(later) && later->old_block == event->block && later->block != event->block &&
		    later->enter_ns < event->exit_ns && heap->ends[i] == HEAP_END_NONE)
			return i;
	}
	return HEAP_UNSEEN;
}

static void hand_out(struct heap *heap, struct starts *starts, size_t index)
{
	const struct heap_event *event = &heap->events[index];
	size_t slot = *starts_slot(starts, heap, event->block);

	if (slot && heap->lives[slot - 1].died == HEAP_ALIVE) {
		size_t realloc_index = late_realloc(heap, index);

		heap->lives[slot - 1].died = realloc_index;
		if (realloc_index != HEAP_UNSEEN) {
			heap->ends[realloc_index] = HEAP_END_LIFE;
			heap->ended[realloc_index] = slot - 1;
		}
	}
	begin_life(heap, starts, event->block, event->size, index);
}

/* `kept`: the call did not give it back after all, or nobody knows; only what it was given is judged. */
static void give_back(struct heap *heap, struct starts *starts, size_t index, bool kept)
{
	const struct heap_event *event = &heap->events[index];
	size_t slot = *starts_slot(starts, heap, event->old_block);
	const struct heap_life *around;

	if (heap->ends[index] != HEAP_END_NONE)
		return; /* was found to be late */
	if (slot) {
		struct heap_life *life = &heap->lives[slot - 1];

		heap->ended[index] = slot - 1;
		heap->ends[index] = life->died == HEAP_ALIVE ? HEAP_END_LIFE : HEAP_END_AGAIN;
		if (life->died == HEAP_ALIVE && !kept)
			life->died = index;
		return;
	}
	around = live_around(heap, event->old_block);
	if (around) {
		heap->ends[index] = HEAP_END_INTERIOR;
		heap->ended[index] = (size_t)(around - heap->lives);
		return;
	}
	heap->ends[index] = HEAP_END_UNKNOWN;
	begin_life(heap, starts, event->old_block, 0, HEAP_UNSEEN);
	heap->ended[index] = heap->life_count - 1;
	if (!kept)
		heap->lives[heap->life_count - 1].died = index;
}

static void replay(struct heap *heap, struct starts *starts)
{
	for (size_t i = 0; i < heap->event_count; i++) {
		const struct heap_event *event = &heap->events[i];
		bool returned = event->exit_ns != 0;

		if (heap->outer[i] != i)
			continue;
		if (is_free(event) && event->old_block)
			give_back(heap, starts, i, false);
		else if (is_realloc(event) && event->old_block)
			/* glibc gives a block back that is to have no bytes; a failed call keeps it (realloc(3)). */
			give_back(heap, starts, i, !returned || (!event->block && event->size));
		if (!is_free(event) && returned && event->block)
			hand_out(heap, starts, i);
	}
}

struct error *heap_build(const struct heap_event *events, size_t event_count, struct heap *ret_heap)
{
	size_t slot_count = 16;
	struct heap heap = {.events = events, .event_count = event_count};
	cleanup_free size_t *slots = NULL;
	struct error *err;

	*ret_heap = (struct heap){0};
	/* A realloc may begin two lives: the one that it was given, unseen, and the one that it made. */
	while (slot_count < 4 * event_count + 1)
		slot_count *= 2;
	slots = calloc(slot_count, sizeof(*slots));
	heap.lives = calloc(2 * event_count + 1, sizeof(*heap.lives));
	heap.outer = calloc(event_count + 1, sizeof(*heap.outer));
	heap.ends = calloc(event_count + 1, sizeof(*heap.ends));
	heap.ended = calloc(event_count + 1, sizeof(*heap.ended));
	if (!slots || !heap.lives || !heap.outer || !heap.ends || !heap.ended) {
		heap_deinit(&heap);
		return &error_no_memory;
	}
	memset(heap.ended, 0xff, (event_count + 1) * sizeof(*heap.ended));
	err = find_outer(&heap);
	if (err) {
		heap_deinit(&heap);
		return err;
	}
	replay(&heap, &(struct starts){slots, slot_count - 1});
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
	return life->died < heap->event_count && is_realloc(&heap->events[life->died]) &&
	       heap->events[life->died].block == life->start;
}

bool heap_ordered(const struct heap_event *first, const struct heap_event *second)
{
	if (first->tid == second->tid)
		return first->enter_ns <= second->enter_ns;
	if (is_free(first))
		return first->enter_ns < second->enter_ns && second->enter_ns - first->enter_ns >= FREE_NS_MAX;
	return first->exit_ns && first->exit_ns <= second->enter_ns;
}
