/* SPDX-License-Identifier: MIT */
/*
 * The frame that the kernel pushed for a signal handler, found on the stack of the thread that died in that handler: it
 * holds the interrupted registers, the siginfo, and what the processor reported.
 *
 * Layout: Linux arch/x86/include/asm/sigframe.h (struct rt_sigframe), include/uapi/asm/ucontext.h and sigcontext.h.
 */
#ifndef ANALYZER_SIGNAL_FRAME_H
#define ANALYZER_SIGNAL_FRAME_H

#include "analyzer/crash.h"

/* Looks from the stack pointer of the core's first thread upwards, to the end of what it lies in or 1 MiB, for the
 * nearest such frame whose return address leads to a restorer (mov $15, %eax; syscall). One that an earlier handler has
 * left behind in an unused part of a live frame looks the same: only the unwinder can confirm it. False for none. */
bool signal_frame_find(const struct core *core, struct interruption *ret_interruption);

/* Compares with the unwound stack of that thread: sets `confirmed` when a frame has the restorer as its return address
 * there. False when the stack goes on above without it: then it is none. */
bool signal_frame_confirm(const struct core *core, const struct thread_stack *stack, struct interruption *interruption);

/* Finds up to `limit` frames that the unwinder came by, innermost first; returns how many. */
size_t signal_frame_collect(const struct core *core, const struct thread_stack *stack,
			    struct interruption *interruptions, size_t limit);

#endif
