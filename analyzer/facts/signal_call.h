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
#include <stdint.h>

#include "analyzer/crash.h"

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

/* Fills crash.facts.sending and the `sends` of crash.facts.interruptions, from the core. After the stacks and the
 * record's sender.
 */
void signal_call_find(struct crash *crash);

#endif
