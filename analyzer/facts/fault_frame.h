/* SPDX-License-Identifier: MIT */
/* Which frame the fault happened in. Pure. */
#ifndef ANALYZER_FAULT_FRAME_H
#define ANALYZER_FAULT_FRAME_H

#include "analyzer/crash.h"

/* The frame that faulted: the innermost, or the one that a signal handler interrupted; NULL when it is not known. After
 * a jump to where no code is, its symbol is empty, and its caller made the jump. */
const struct frame *fault_frame_of(const struct crash *crash);

#endif
