/* SPDX-License-Identifier: MIT */
/*
 * Which threads are in a system call that sends a signal. Pure.
 *
 * A thread that dies of a signal, or waits while another dies, has the number of the system call that it entered in
 * orig_rax, and -1 there when it came into the kernel by a fault or an interrupt (Linux arch/x86/entry/entry_64.S); the
 * arguments are still in their registers. A function's name tells nothing of that: syscall() makes any call, and a
 * thread that has sent a signal to its own process may have run on into another one.
 *
 * Not known: which of several threads that are in such a call was the sender; what calls of 32-bit code mean
 * (int 0x80), which count as none.
 */
#ifndef ANALYZER_SIGNAL_CALL_H
#define ANALYZER_SIGNAL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"

struct signal_call {
	int call;    /* kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal */
	int number;  /* the signal */
	int64_t pid; /* as kill(2) takes it; 0 where the call does not say */
	int64_t tid; /* the thread that it is for; 0: any thread of the process */
};

/* The call that a thread with these registers is in. `has_number`: orig_rax is that thread's; false for registers of a
 * signal frame, which has none: then only the code and the arguments tell. False when it is in no such call. */
bool signal_call_read(const struct core *core, const uint64_t registers[CORE_REGISTERS], bool has_number,
		      struct signal_call *ret_call);

/* Does the call send that signal to the process `pid`, in a way that its thread `tid` gets it? */
bool signal_call_reaches(const struct signal_call *call, int number, uint32_t pid, uint32_t tid);

/* Threads that are, by their registers, in a system call that sends a signal to the process. */
struct signal_sending {
	int crashed;	/* number of that system call of the crashed thread; 0: it is in none */
	size_t other;	/* another thread, as an index into the stacks' threads; 0: none */
	int other_call; /* and its call */
};

/* Who is sending signal `number`. `elsewhere`: the record has seen another thread send it. */
struct unwind_result;
void signal_call_find(const struct core *core, const struct unwind_result *stacks, int number, bool elsewhere,
		      struct signal_sending *ret_sending);

#endif
