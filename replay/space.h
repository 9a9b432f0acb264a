/* SPDX-License-Identifier: MIT */
/*
 * What a list of memory calls makes of address spaces: the lives of their mappings. The one place that knows it; SQL's
 * tables, the maps at a moment and the analyzer's timeline all ask here. Pure: calls in, lives out.
 *
 * Memory is followed in pieces: what is unmapped, replaced, protected or moved in part is a piece of its own from then
 * on. What a call does to a piece, and when, is replay/order.h's; what it does by its arguments, replay/effect.h's.
 * What depends on more than one piece is act.h's and move.c's: mremap takes permissions and file of each piece along,
 * and leaves holes where holes were (6.17 moves several mappings at once; what stood at the target of a hole stays); a
 * failed mprotect has changed what lies before the first hole. Where another call ran in the same ranges while such a
 * call did, the lives there are open (beside.h). The pieces themselves are pieces.h's.
 *
 * Ranges are half-open and of whole pages; addresses are those of the recorded processes. Several spaces are kept apart
 * by their ids. Memory grows with the number of addresses that were ever used.
 *
 * What it does not know: which records were lost; that some were, it can be told (is_lossy). A mapping with
 * MAP_GROWSDOWN, as the stack, grows by faults, not by calls: its start is the highest that it can have, and what is
 * said of the addresses right below it need not hold. The page size of a hugetlbfs file. Memory that a driver keeps out
 * of every child (a perf event's ring). What is locked (mlock) and so refuses some advice.
 */
#ifndef REPLAY_SPACE_H
#define REPLAY_SPACE_H

#include "common/error.h"
#include "replay/order.h"
#include "schema/record_memory.h"

/* More pieces than this are an error: about 3 GiB. */
#define REPLAY_PIECES_MAX (8U << 20)

/* A piece of a mapping from its making to its end. Calls are named as replay_take() was told. */
struct replay_life {
	int64_t space_id;
	uint64_t start, end;
	int64_t made;
	int64_t gone; /* or REPLAY_STANDING */
	/* Its end, or its protection at the end, might be another: calls ran at the same time, or one failed and may
	 * have acted, or its end was not seen at all. */
	bool is_open;
	int64_t other_end;	 /* when open, and if one is known: a call that may have ended it instead, or
				    REPLAY_STANDING; else REPLAY_NO_CALL */
	int64_t other_protector; /* when open: a call that may have set its protection last instead, or REPLAY_NO_CALL
				  */
	int64_t protected_by;	 /* the call that set its protection last; `made` when none did since */
	struct history_content content; /* at its end */
	bool has_open_marks;		/* content.marks might be others */
};

struct replay_sink {
	struct error *(*take_life)(void *context, const struct replay_life *life);
	/* [start, end) was unmapped by `call`, after `earlier` had taken it away and nothing had come since. NULL: not
	 * wanted. */
	struct error *(*take_again)(void *context, int64_t space_id, uint64_t start, uint64_t end, int64_t earlier,
				    int64_t call);
	void *context;
};

/* A call whose effect on one piece depends on what stood elsewhere. */
struct replay_wide_call {
	int64_t space_id;
	uint32_t thread;
	uint64_t exit_ns;
	uint64_t ranges[2][2]; /* start, end */
};
#define REPLAY_WIDE_CALLS 16

/* Which madvise is followed (content.marks). It divides pieces; where it is passed over, memory costs less. */
enum replay_advice {
	REPLAY_NO_ADVICE,
	REPLAY_FORK_ADVICE, /* what a child will not have */
	REPLAY_ALL_ADVICE,
};

struct pieces_block;

struct replay {
	struct replay_sink sink;
	/* Pieces that differ only in which call protected them are made one: an arena that is made accessible bit by
	 * bit stays a few pieces. Lives then say only one of these calls. */
	bool joins;
	enum replay_advice follows;
	/* Some records are missing: where nothing was seen to come since an munmap, something may have come, so that a
	 * call that failed may have reached beyond, and a move may have met it. */
	bool is_lossy;
	/* Not the caller's. */
	struct pieces_block **blocks; /* pieces.c's */
	size_t block_count, block_room, piece_count;
	struct history_budget budget;
	/* The newest ones: where a call comes later that began before they ended, all that they did is open. */
	struct replay_wide_call wide_calls[REPLAY_WIDE_CALLS];
	size_t next_wide_call;
	/* sweep.c's */
	size_t events, swept_pieces;
	uint64_t recent_ns, older_ns; /* when some of the last calls returned */
};

void replay_init(struct replay *replay, const struct replay_sink *sink);
/* Calls come by their return; `call` is 0 or more. *ret_before, if not NULL: the call that this one turned out to come
 * right before somewhere, or REPLAY_NO_CALL. */
struct error *replay_take(struct replay *replay, const struct memory_event *event, int64_t call,
			  int64_t *ret_before) must_check;
/* After the last call: the lives that have not been reported, by rising address; what stands is REPLAY_STANDING. */
struct error *replay_finish(struct replay *replay) must_check;
void replay_deinit(struct replay *replay);

#endif
