/* SPDX-License-Identifier: MIT */
/*
 * What one step makes of the state of a piece (replay/order.h has both). Only for replay/.
 */
#ifndef REPLAY_STEP_H
#define REPLAY_STEP_H

#include "replay/order.h"

/* Returns how many rules of the kernel that breaks. *ret_ended: the mapping that stood here has gone. */
unsigned history_advance(struct history_state *state, const struct history_step *step, bool *ret_ended);

bool history_is_same_marks(const struct history_marks *left, const struct history_marks *right);
bool history_is_same_content(const struct history_content *left, const struct history_content *right);

#endif
