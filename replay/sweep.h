/* SPDX-License-Identifier: MIT */
/*
 * Keeps the number of pieces down: memory that is not used again costs little. Only for replay/.
 */
#ifndef REPLAY_SWEEP_H
#define REPLAY_SWEEP_H

#include "replay/pieces.h"

/* After an event. Each time that there are half as many pieces more, which pays for the walk: settles everywhere what
 * is long over, and makes one piece of neighbours that are free. Which call made each free is kept only where a second
 * munmap is reported (replay_sink.take_again). */
struct error *sweep_after(struct replay *replay, const struct memory_event *event) must_check;

#endif
