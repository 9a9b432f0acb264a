/* SPDX-License-Identifier: MIT */
/* What the files of the repair share. Only for analyzer/repair*.c. */
#ifndef ANALYZER_REPAIR_INTERNAL_H
#define ANALYZER_REPAIR_INTERNAL_H

#include "analyzer/repair/repair.h"

#define REPAIR_UNWINDS_MAX 600 /* in all; each costs a child process */

/* Addresses where a function may have been called from. */
struct repair_candidates {
	uint64_t *addresses;
	size_t count;
	bool too_many;
};

struct repair_work {
	const struct repair_request *request;
	struct repair *repair;
	struct unwind_result *stacks;
	struct unwind_overlay *overlay;
	size_t overlay_count, overlay_room;
	unsigned unwinds;
	/* The function that was asked for last: a recursion asks for one again and again, and all text is searched. */
	uint64_t collected_for;
	struct repair_candidates collected;
};

/* repair.c */
/* Anew, with the overlay. */
struct error *repair_unwind(struct repair_work *work, struct unwind_result *ret) must_check;
struct error *repair_push_overlay(struct repair_work *work, uint64_t slot, uint64_t return_address,
				  enum frame_trust trust) must_check;
struct error *repair_add_slot(struct repair *repair, const struct repaired_slot *slot) must_check;
const struct repaired_slot *repair_find_slot(const struct repair *repair, uint64_t slot);
/* Entry of the function that a frame is in; 0 when not known. */
uint64_t repair_entry_of(const struct frame *frames, size_t index);
/* The same, where compilers have split a part off (name.cold): of the whole function, whose entry it is that is called
 * and probed. */
uint64_t repair_whole_entry_of(const struct core *core, const struct frame *frames, size_t index);

/* repair_fit.c */
enum repair_fit {
	FIT_NOT,   /* something contradicts it */
	FIT_OPEN,  /* nothing does, but the stack could not be followed to its beginning */
	FIT_WHOLE, /* it holds together down to the thread's beginning, or to the next trampoline */
};

/* The frames from `start` on, which a candidate gave: each return address must follow a call that can have entered the
 * frame below it. */
enum repair_fit repair_fit_of(const struct repair_work *work, const struct thread_stack *stack, size_t start);

/* True when the function at `from` jumps to `to`, directly or through the linkage table: a tail call. */
bool repair_jumps_to(const struct core *core, uint64_t from, uint64_t to);

/* repair_candidates.c */
struct error *repair_add_candidate(struct repair_candidates *candidates, uint64_t address) must_check;
/* Return sites of one function: what the kernel had for it (for a stack that has moved since), and what the text shows.
 * They stay the work's, and are valid until it is asked for another function. */
struct error *repair_collect_candidates(struct repair_work *work, uint64_t function,
					const struct repair_candidates **ret) must_check;

/* repair_infer.c */
bool repair_in_trampoline(const struct repair_work *work, uint64_t address);
/* Where the return address of the probed function was, for a thread inside the trampoline. */
uint64_t repair_start_slot(const struct repair_work *work, uint64_t sp);
/* Fills the slot where `thread` enters the trampoline at frame `at`, if one candidate alone fits. */
struct error *repair_infer_slot(struct repair_work *work, size_t thread, size_t at) must_check;
/* The same for a thread that died inside the trampoline. */
struct error *repair_infer_start(struct repair_work *work, size_t thread) must_check;

#endif
