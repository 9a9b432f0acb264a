/* SPDX-License-Identifier: MIT */
/*
 * Is the core of a process that lived on when it was written (gdb's gcore, a debugger's "generate-core-file", a tool
 * that copies a live process)? Pure.
 *
 * The kernel writes a core only for a signal whose default action is that (SIG_KERNEL_COREDUMP_MASK, Linux
 * include/linux/signal.h), and the signal's number twice into each NT_PRSTATUS. gdb 13 stops the process with SIGSTOP
 * or has it stopped at a breakpoint, writes the number into pr_cursig alone, and the last siginfo of each thread. A
 * process that a debugger holds at a fault is no snapshot: what ends it is at hand.
 *
 * Not known: whether the process died later; tools that fill in NT_PRSTATUS as the kernel does.
 */
#ifndef ANALYZER_SNAPSHOT_H
#define ANALYZER_SNAPSHOT_H

#include "analyzer/core/core.h"
#include "analyzer/facts/crash_signal.h"

/* Why a core is of a process that lived on (snapshot.h). */
enum snapshot_kind {
	SNAPSHOT_NONE = 0,   /* it died, as far as the core tells */
	SNAPSHOT_NO_SIGNAL,  /* the core names no signal */
	SNAPSHOT_STOPPED,    /* the signal is one for which the kernel writes no core: a debugger held the process */
	SNAPSHOT_BREAKPOINT, /* a debugger's breakpoint or step, in a core that the kernel did not write */
};

/* `signal` as it was taken from the core. */
enum snapshot_kind snapshot_find(const struct core *core, const struct crash_signal *signal);

#endif
