/* SPDX-License-Identifier: MIT */
/*
 * One call on a range of pieces. Only for replay/.
 *
 * `reach` is what the call's own arguments say that it did, or may have done before it failed (replay/effect.h); what
 * stood there decides the rest.
 */
#ifndef REPLAY_ACT_H
#define REPLAY_ACT_H

#include "replay/effect.h"
#include "replay/pieces.h"

struct act {
	struct replay *replay;
	const struct memory_event *event;
	struct history_step step; /* what is done to each piece; the act is copied to do something else */
	uint64_t start, end;	  /* act_on() sets them */
	int64_t *before;	  /* the lowest call that this one came right before somewhere; or NULL */
};

/* Does act.step to all of [start, end), whether a piece is there or not. */
struct error *act_on(struct act act, uint64_t start, uint64_t end) must_check;
struct error *act_unmap(struct act act, uint64_t start, uint64_t end) must_check;

/* mmap, munmap, brk, shmat, shmdt, and what was found. */
struct error *act_plain(struct act act, const struct memory_effect *reach) must_check;
/* mprotect and pkey_mprotect. */
struct error *act_protect(struct act act, const struct memory_effect *reach) must_check;
/* madvise on [start, end), which the call named. In advice.c. */
struct error *act_advise(struct act act, uint64_t start, uint64_t end) must_check;
/* mremap; of one that failed, what it may have done before it did. In move.c. */
struct error *act_mremap(struct act act, const struct memory_effect *reach) must_check;

#endif
