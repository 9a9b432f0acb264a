/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Results of system calls, when they are asked for (record --calls): calls that failed, and those that make or close
 * descriptors. Two programs that run at every system call of the host; so they are loaded only then. Memory calls and
 * prctl have records of their own.
 */
#ifndef BPF_RESULT_H
#define BPF_RESULT_H

#include "memory.bpf.h"

/* The greatest errno of a program's world; the kernel's own (ERESTARTSYS and so on, from 512) never reach it. */
#define ERRNO_MAX 133
#define USER_CODE_32 0x23

static __always_inline bool has_own_record(u32 number)
{
	switch (number) {
	case ARCH_SYSCALL_MMAP:
	case ARCH_SYSCALL_MPROTECT:
	case ARCH_SYSCALL_MUNMAP:
	case ARCH_SYSCALL_MREMAP:
	case ARCH_SYSCALL_MADVISE:
	case ARCH_SYSCALL_PKEY_MPROTECT:
	case ARCH_SYSCALL_BRK:
	case ARCH_SYSCALL_SHMAT:
	case ARCH_SYSCALL_SHMDT:
	case ARCH_SYSCALL_PRCTL:
		return true;
	default:
		return false;
	}
}

/* F_DUPFD and F_DUPFD_CLOEXEC of fcntl (include/uapi/linux/fcntl.h). */
static __always_inline bool of_descriptors(u32 number, u64 command)
{
	switch (number) {
	case ARCH_SYSCALL_CLOSE:
	case ARCH_SYSCALL_CLOSE_RANGE:
	case ARCH_SYSCALL_DUP:
	case ARCH_SYSCALL_DUP2:
	case ARCH_SYSCALL_DUP3:
		return true;
	case ARCH_SYSCALL_FCNTL:
		return command == 0 || command == 1030;
	default:
		return false;
	}
}

SEC("raw_tp/sys_enter")
int any_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct thread_state *state = recorded_thread(bpf_get_current_task_btf());

	if (state)
		state->any_enter_ns = bpf_ktime_get_boot_ns();
	return 0;
}

SEC("raw_tp/sys_exit")
int any_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
	s64 result = (s64)ctx->args[1];
	bool failed = result < 0 && result >= -ERRNO_MAX;
	struct event_result *record;
	struct thread_state *state;
	u32 number = BPF_CORE_READ(regs, orig_ax);
	u64 command = BPF_CORE_READ(regs, si);

	if ((!failed && !of_descriptors(number, command)) || has_own_record(number) ||
	    BPF_CORE_READ(regs, cs) == USER_CODE_32)
		return 0;
	state = recorded_thread(bpf_get_current_task_btf());
	if (!state)
		return 0;
	record = event_reserve_call(EVENT_RESULT, sizeof(*record), state->any_enter_ns);
	if (!record)
		return 0;
	record->enter_ns = state->any_enter_ns;
	record->result = result;
	record->ip = BPF_CORE_READ(regs, ip);
	record->sp = BPF_CORE_READ(regs, sp);
	record->args[0] = BPF_CORE_READ(regs, di);
	record->args[1] = command;
	record->args[2] = BPF_CORE_READ(regs, dx);
	record->number = number;
	record->padding = 0;
	record->top_word = 0;
	bpf_probe_read_user(&record->top_word, sizeof(record->top_word), (void *)record->sp);
	event_submit(record);
	return 0;
}

#endif
