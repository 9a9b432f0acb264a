/* SPDX-License-Identifier: MIT */
/*
 * The lives of heap blocks, rebuilt from recorded calls of the allocator. A pure module: plain data in, plain data out.
 *
 * A life runs from the call that handed a block out to the call that gave it back. Calls that only carry out another
 * one are part of it and count once: the malloc inside operator new or realloc(NULL), the free inside operator delete
 * or realloc. The outermost call stands for all of them.
 *
 * Calls are taken in the order of their ids: those that hand out at their return, a free at its entry. So a block is
 * never handed out again, in this order, before the free that made it possible, except by a realloc that gave its old
 * block back inside and returned later: such a pair is recognized by its overlapping times.
 *
 * What it does not know: whether all calls were recorded (crash_unseen_between() and the coverage tell), and the
 * allocator's own state. A block that was handed out again without a recorded end keeps HEAP_UNSEEN as its end.
 */
#ifndef ANALYZER_HEAP_H
#define ANALYZER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_call.h"

/* In place of an event's index. */
#define HEAP_ALIVE SIZE_MAX	   /* not given back */
#define HEAP_UNSEEN (SIZE_MAX - 1) /* it happened, but no call of it was recorded */

struct heap_life {
	uint64_t start;
	uint64_t size; /* bytes asked for; 0 also when the birth was not seen */
	size_t born;   /* the call that handed it out, or HEAP_UNSEEN */
	size_t died;   /* the call that gave it back, HEAP_ALIVE, or HEAP_UNSEEN */
};

/* What a call did to the block that it was given. */
enum heap_end {
	HEAP_END_NONE = 0, /* nothing: it was given none, it failed, or it is part of another call */
	HEAP_END_LIFE,	   /* ended the life of a block that was known */
	HEAP_END_UNKNOWN,  /* nothing is known of that address: the birth was not seen, or never was */
	HEAP_END_AGAIN,	   /* that block had been given back and not handed out since */
	HEAP_END_INTERIOR, /* no block starts there, and it lies inside one that was alive */
};

struct heap {
	const struct heap_event *events; /* the caller's */
	size_t event_count;
	struct heap_life *lives; /* by the order of birth */
	size_t life_count;
	size_t *outer;	     /* for each event the outermost call that it is part of; its own index when it is none's */
	enum heap_end *ends; /* for each event */
	size_t *ended;	     /* for each event the life that `ends` speaks of; SIZE_MAX for none */
};

/* Replays `events` (by rising id). They must outlive the heap. */
struct error *heap_build(const struct heap_event *events, size_t event_count, struct heap *ret_heap) must_check;
void heap_deinit(struct heap *heap);

/* The youngest life that covers `address`, dead or alive: [start, start + size), of an empty or unknown size the start
 * alone. NULL for none. */
const struct heap_life *heap_last_life(const struct heap *heap, uint64_t address);

/* The live block with the highest end at or below `address`, and the lowest one above; NULL for none. Only births that
 * were seen count. */
const struct heap_life *heap_live_before(const struct heap *heap, uint64_t address);
const struct heap_life *heap_live_after(const struct heap *heap, uint64_t address);

/* True when the block went on at the same address with another size: its end is a realloc in place. */
bool heap_life_resized(const struct heap *heap, const struct heap_life *life);

/* True when `first` had certainly taken effect before `second`. A free tells only its entry: against a free of another
 * thread it is certain from a millisecond on, far more than a free takes. */
bool heap_ordered(const struct heap_event *first, const struct heap_event *second);

/* True for a call that was given a block to give back. A realloc may keep it. */
bool heap_gives_back(const struct heap_event *event);

#endif
