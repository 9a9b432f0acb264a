/* SPDX-License-Identifier: MIT */
/*
 * The lives of heap blocks around an address, as arrays: what replay/heap.h makes of a list of calls that lies in
 * memory, and questions about it. A pure module: plain data in, plain data out.
 *
 * A block that was handed out again without a recorded end keeps HEAP_UNSEEN as its end. Whether all calls were
 * recorded is not known here (crash_unseen_between() and the coverage tell).
 */
#ifndef REPLAY_HEAP_LIVES_H
#define REPLAY_HEAP_LIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "replay/heap.h"
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

struct heap {
	const struct heap_event *events; /* the caller's */
	size_t event_count;
	struct heap_life *lives; /* by the order of birth */
	size_t life_count;
	size_t *outer;	     /* for each event the outermost call that it is part of; its own index when it is none's */
	enum heap_end *ends; /* for each event; HEAP_END_NONE also for one that is part of another */
	size_t *ended;	     /* for each event the life that `ends` speaks of; SIZE_MAX for none */
};

/* Replays `events` (by rising id) as those of one address space. They must outlive the heap. */
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

#endif
