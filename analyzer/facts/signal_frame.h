/* SPDX-License-Identifier: MIT */
/*
 * The frame that the kernel pushed for a signal handler, found on the stack of the thread that died in that handler: it
 * holds the interrupted registers, the siginfo, and what the processor reported.
 *
 * Layout: Linux arch/x86/include/asm/sigframe.h (struct rt_sigframe), include/uapi/asm/ucontext.h and sigcontext.h.
 */
#ifndef ANALYZER_SIGNAL_FRAME_H
#define ANALYZER_SIGNAL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/facts/crash_signal.h"
#include "analyzer/unwind/unwind.h"

/* The newest signal frame on the crashed thread's stack: it died in a handler. */
struct interruption {
	bool found;
	bool confirmed;	  /* the unwinder came by it too */
	bool inferred;	  /* the frame has no siginfo: `signal` is what the processor's exception makes it */
	uint64_t address; /* of the frame: of its return address into the restorer */
	struct crash_signal signal;
	uint64_t registers[CORE_REGISTERS];  /* what was interrupted; those that the frame lacks are the thread's */
	uint64_t trap, error, fault_address; /* the processor's: vector, error code, CR2 */
	uint64_t stack_start, stack_bytes;   /* the alternate stack that was registered then; both 0 for none */
	size_t frame;			     /* what it interrupted, among the crashed thread's frames; 0: not known */
	bool sends; /* it interrupted a system call that sends this very signal to the process (signal_call.h) */
};

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
