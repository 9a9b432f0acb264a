/* SPDX-License-Identifier: MIT */
/*
 * What a list of the allocator's calls makes of a heap: the lives of its blocks, and what each call did to the block
 * that it was given. The one place that knows it; SQL's tables and the analyzer both ask here. Pure: calls in, lives
 * out.
 *
 * A life runs from the call that handed a block out to the call that gave it back. Calls that only carry out another
 * one are part of it and count once: the malloc inside operator new or realloc(NULL), the free inside operator delete
 * or realloc. The outermost call stands for all of them.
 *
 * Order. A free tells its entry alone, before the allocator has the block; every other call its return too, after the
 * allocator has given it out. So whoever gets a block returns after the call that gave it back was entered, in every
 * thread, and calls are to come in that order (heap_call_moment()). A pointer can be given back only after the call
 * that handed it out returned: this tells of which of an address's lives a call speaks, a realloc too that gave its old
 * block back inside and returned when others had used it again. Which of two threads gave a block back first is not
 * known where both calls were under way: that is open.
 *
 * realloc(3): a call that failed keeps the block; one that was asked for no bytes and returned nothing has given it
 * back. A call that never returned is judged by what it was given, and has kept it, unless the address was handed out
 * again. What an allocator does with no bytes is told by the address that it returned.
 *
 * Fork and exec: several spaces are kept apart by their ids. A forked process's blocks are its parent's until then: who
 * wants them gives the parent's calls before the fork as the child's own. Exec begins another space.
 *
 * What it does not know: the allocator's own state, and calls that were not recorded. A block that was handed out again
 * without a recorded end keeps HEAP_REPLAY_UNSEEN as its end; over a gap lives and second frees are open. Memory grows
 * with the number of addresses that were ever handed out, and of threads.
 */
#ifndef REPLAY_HEAP_H
#define REPLAY_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_call.h"

/* More addresses than this are an error: about 3 GiB. */
#define HEAP_REPLAY_ADDRESSES_MAX (8U << 20)

/* Instead of a call, which is 0 or more. */
#define HEAP_REPLAY_STANDING (-1) /* not given back */
#define HEAP_REPLAY_UNSEEN (-2)	  /* it happened, but no call of it was recorded */
#define HEAP_REPLAY_NO_CALL (-3)

/* What a call did to the block that it was given. */
enum heap_end {
	HEAP_END_NONE = 0, /* nothing: it was given none, or it is part of another call */
	HEAP_END_LIFE,	   /* ended the life of a block that was known; one that failed would have */
	HEAP_END_UNKNOWN,  /* nothing is known of that address: the birth was not seen, or never was */
	HEAP_END_AGAIN,	   /* that block had been given back and not handed out since */
	HEAP_END_INTERIOR, /* no block ever started there, and it lies inside one that was alive */
	HEAP_END_OPEN,	   /* it returned so late that its life cannot be told any more */
};

struct heap_replay_life {
	int64_t space_id;
	uint64_t start;
	uint64_t size; /* bytes asked for; 0 also when the birth was not seen */
	/* The call that handed it out; where that was not seen (`unseen`), the first that was given it. Both together
	 * name the life: a realloc can show a block and make one. */
	int64_t first;
	bool unseen;
	int64_t gone; /* the call that gave it back, HEAP_REPLAY_STANDING, or HEAP_REPLAY_UNSEEN */
	int64_t next; /* of an end unseen: the call that handed the address out again; else HEAP_REPLAY_NO_CALL */
	/* Its end might be another: another thread's call was under way that gave it back too, its memory was handed
	 * out without an end, or calls were lost. */
	bool is_open;
};

/* Of a call that was given a block. */
struct heap_replay_end {
	int64_t space_id;
	uint64_t block;
	int64_t call;
	enum heap_end end;
	int64_t life;	 /* heap_replay_life.first of the life that `end` speaks of, or HEAP_REPLAY_NO_CALL */
	bool unseen;	 /* heap_replay_life.unseen of it */
	int64_t earlier; /* of HEAP_END_AGAIN: the call that gave it back last; else HEAP_REPLAY_NO_CALL */
	bool keeps;	 /* a realloc that failed or never returned */
	bool is_open;	 /* the other call may have come second, or calls were lost */
};

/* A span over which calls were lost: [from_ns, to_ns]. */
struct heap_gap {
	int64_t space_id; /* 0: any */
	uint64_t from_ns, to_ns;
};

/* What is not wanted is NULL. A life is reported when it is settled (a few calls of its address later, or at the end),
 * ends too, in no further order. A part is reported as soon as it is known, and its outer call may turn out to be a
 * part itself. Where an outer call returned only after others had used the address again and again, what its part did
 * has been reported as that one's: who has a use for it looks the outermost call up. */
struct heap_replay_sink {
	struct error *(*take_life)(void *context, const struct heap_replay_life *life);
	struct error *(*take_end)(void *context, const struct heap_replay_end *end);
	void (*take_part)(void *context, int64_t inner, int64_t outer);
	void *context;
};

struct heap_replay {
	struct heap_replay_sink sink;
	const struct heap_gap *gaps; /* the caller's; may be NULL */
	size_t gap_count;
	/* Not the caller's. */
	struct heap_history **slots; /* by space and address: open addressing */
	size_t slot_count, address_count;
	bool knows_live;
	void *live;    /* tree of struct heap_history: those with a live block of some size, by its range */
	void *threads; /* tree of struct heap_thread, by id */
	uint64_t taken;
};

void heap_replay_init(struct heap_replay *replay, const struct heap_replay_sink *sink);
/* Calls come by heap_call_moment(); `call` names this one, 0 or more. */
struct error *heap_replay_take(struct heap_replay *replay, const struct heap_event *event, int64_t call) must_check;
/* After the last call: what has not been reported, by rising space and address. */
struct error *heap_replay_finish(struct heap_replay *replay) must_check;
void heap_replay_deinit(struct heap_replay *replay);

/* By which moment calls are put in order: of what takes a block alone its entry, else its return. One that never
 * returned comes last. Ids of a recording rise like that. */
uint64_t heap_call_moment(const struct heap_event *event);

/* True for a call that was given a block to give back. A realloc may keep it. */
bool heap_gives_back(const struct heap_event *event);

/* free, operator delete. */
bool heap_call_is_free(const struct heap_event *event);
/* realloc, reallocarray. */
bool heap_call_is_realloc(const struct heap_event *event);

/* True when `first` had certainly taken effect before `second`. A free tells only its entry: against a free of another
 * thread it is certain from a millisecond on, far more than a free takes. */
bool heap_ordered(const struct heap_event *first, const struct heap_event *second);

#endif
