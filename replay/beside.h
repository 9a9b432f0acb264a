/* SPDX-License-Identifier: MIT */
/*
 * Calls whose effect on one piece depends on what stood elsewhere (mremap, shmdt, an mprotect or madvise that failed),
 * when another call ran in their ranges at the same time: no order of the steps of one piece shows what they met, so
 * that all lives there are open. Only for replay/.
 */
#ifndef REPLAY_BESIDE_H
#define REPLAY_BESIDE_H

#include "replay/effect.h"
#include "replay/pieces.h"

/* False: the call's effect on each piece depends on that piece alone. */
bool beside_is_wide(const struct memory_event *event, const struct memory_effect *reach,
		    struct replay_wide_call *ret_call);

/* Another thread's call was under way in its ranges when it was. Before it is taken. */
bool beside_was_busy(const struct replay *replay, const struct memory_event *event,
		     const struct replay_wide_call *call);

/* Makes open what stands in its ranges. */
void beside_cloud(const struct replay *replay, const struct replay_wide_call *call);

/* The same for a range, and no more, and for all that an event may have reached. */
struct error *beside_cloud_range(struct replay *replay, const struct memory_event *event, uint64_t start,
				 uint64_t end) must_check;
struct error *beside_cloud_reach(struct replay *replay, const struct memory_event *event,
				 const struct memory_effect *reach) must_check;

/* The event has been taken; of the newest wide calls, those that it ran beside are open. */
void beside_doubt(const struct replay *replay, const struct memory_event *event, const struct memory_effect *reach);

/* Keeps the call for beside_doubt(). */
void beside_note(struct replay *replay, const struct replay_wide_call *call);

#endif
