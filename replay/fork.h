/* SPDX-License-Identifier: MIT */
/*
 * What a child has of its parent's address space. vfork and CLONE_VM share a space, and are nothing here; exec begins
 * another space.
 */
#ifndef REPLAY_FORK_H
#define REPLAY_FORK_H

#include "replay/space.h"

/* What the parent has is the child's too, but what it had marked with MADV_DONTFORK (which replay.follows_advice
 * tells). `parent` and `child` may be one: what was taken is then the history of an ancestor, and what follows is the
 * child's; a mapping that the child did not get ends with the call that had marked it. Lives that were reported before
 * are the parent's alone. The child's space must be empty otherwise. */
struct replay_fork {
	int64_t parent_id, child_id;
	uint32_t thread;
	uint64_t enter_ns, exit_ns; /* alike when only one is known */
};
struct error *replay_fork(struct replay *replay, const struct replay_fork *fork) must_check;

/* The events of a space and of those that it was forked from, replayed as those of one space. A child's id is higher
 * than its parent's. Begins as {.space_id = ...}. */
struct replay_descent {
	int64_t space_id;
	/* Not the caller's. */
	int64_t reached; /* the youngest of the spaces so far */
	uint64_t last_ns;
};

/* As replay_take(); the event has the id of the space that it was recorded of. */
struct error *replay_take_inherited(struct replay *replay, struct replay_descent *descent,
				    const struct memory_event *event, int64_t call, int64_t *ret_before) must_check;
/* Before replay_finish(): a space that has no events of its own was forked all the same. */
struct error *replay_descend(struct replay *replay, struct replay_descent *descent) must_check;

#endif
