/* SPDX-License-Identifier: MIT */
/*
 * What the allocator's calls did to the block at one address, in the order in which they took effect. Pure. Used by
 * replay/heap.c alone, which finds the address and the calls that are part of others.
 *
 * The newest HEAP_STEPS calls are kept, so that one that returned late finds its place among them, and an outer call
 * replaces the inner ones that were told before it; older ones are settled and reported. A life that was followed by
 * another without an end is owed one: a realloc that was under way then may return at any time.
 */
#ifndef REPLAY_HEAP_HISTORY_H
#define REPLAY_HEAP_HISTORY_H

#include "replay/heap.h"

#define HEAP_STEPS 4
#define HEAP_OWED 2

struct heap_step {
	int64_t call;
	uint64_t enter_ns, exit_ns; /* as in struct heap_event */
	uint64_t sp;
	uint64_t size;	/* of a birth */
	int64_t around; /* of a give: the call that made the live block that the address lies in, or _NO_CALL */
	uint32_t tid;
	bool is_birth; /* the address was handed out; else it was given back */
	bool is_free;  /* a give that tells its entry alone */
	bool keeps;    /* a give that left the block alive, as far as is known */
	bool in_place; /* a give of a realloc that returned the same address */
};

enum heap_state_kind { HEAP_NOTHING, HEAP_LIVE, HEAP_GONE };

struct heap_state {
	enum heap_state_kind kind;
	bool unseen;   /* its birth was not seen */
	int64_t first; /* as in struct heap_replay_life */
	uint64_t size;
	uint64_t made_ns;      /* when the call that handed it out returned; 0 when unseen */
	int64_t under_way;     /* a realloc that was given it and never returned, or HEAP_REPLAY_NO_CALL */
	struct heap_step gone; /* of HEAP_GONE: the last call that gave it back */
};

/* A life that was over when `next` returned, at `next_ns`. */
struct heap_owed {
	struct heap_state state;
	int64_t next;
	uint64_t next_ns;
};

struct heap_history {
	int64_t space_id;
	uint64_t start;
	struct heap_state state; /* before the steps */
	struct heap_step *steps;
	struct heap_owed *owed; /* NULL or HEAP_OWED of them */
	unsigned char count, room, owed_count;
	bool is_overtaken;   /* its live block's memory was handed out elsewhere */
	uint64_t settled_ns; /* the latest return among births that were settled */
	uint64_t born;	     /* heap_replay.taken of the latest birth */
	uint64_t live_end;   /* in the tree of live blocks: the end of its range; 0: not there */
	int64_t live_call;   /* and the call that made it */
};

struct heap_step heap_step_of(const struct heap_event *event, int64_t call);

/* Something is known to have been at this address. */
bool heap_history_is_known(const struct heap_history *history);
/* The newest birth, when nothing has given it back since; false: none. A birth that was not seen counts as none. */
bool heap_history_live(const struct heap_history *history, int64_t *ret_call, uint64_t *ret_size);

/* The same thread did it inside of the call `outer`: all that it does in one that never returned, deeper in its stack.
 */
bool heap_step_is_inside(const struct heap_step *inner, const struct heap_step *outer);
/* Takes out the steps of that kind that are inside of `outer`, in whose place it will be added, and reports them.
 * False: there is none. */
bool heap_history_absorb(struct heap_history *history, const struct heap_step *outer, const struct heap_replay *replay);
struct error *heap_history_add(struct heap_history *history, const struct heap_step *step,
			       const struct heap_replay *replay) must_check;
struct error *heap_history_finish(struct heap_history *history, const struct heap_replay *replay) must_check;
void heap_history_destroy(struct heap_history *history);

#endif
