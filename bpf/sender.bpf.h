/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Who sends a signal, and what for: the thread that sends one may do so in a handler for another. Kept in the kernel
 * until a process dies of one, so that a signal which kills nobody costs no record.
 *
 * A thread is in a handler from the delivery to rt_sigreturn. One that has left it by longjmp is told by its mask,
 * which siglongjmp restores, and by its stack pointer, which is not below that of then.
 */
#ifndef BPF_SENDER_H
#define BPF_SENDER_H

#include "life.bpf.h"

enum { SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGKILL = 9, SIGSEGV = 11, SIGSYS = 31 };
enum { SI_USER = 0, SI_QUEUE = -1, SI_TKILL = -6 };
#define SIGNAL_GENERATED 0 /* TRACE_SIGNAL_DELIVERED, include/trace/events/signal.h: it is pending now */

static __always_inline u64 signal_bit(int number)
{
	return number >= 1 && number <= 64 ? 1ULL << (number - 1) : 0;
}

/* include/linux/signal.h: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH do not end a process by default. */
#define HARMLESS_SIGNALS                                                                                               \
	(1ULL << 16 | 1ULL << 17 | 1ULL << 18 | 1ULL << 19 | 1ULL << 20 | 1ULL << 21 | 1ULL << 22 | 1ULL << 27)
#define FAULT_SIGNALS (1ULL << 3 | 1ULL << 4 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 | 1ULL << 10 | 1ULL << 30)

struct handling {
	struct event_signal_first first;
	u64 sp;	      /* user stack pointer when it was delivered */
	u64 start_ns; /* of the thread, which tells it from later owners of its id */
	s32 number;
	u32 padding;
};

/* Signals on their way: by receiving process and number. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, u64);
	__type(value, struct event_signal_sender);
} sendings SEC(".maps");

/* Threads in a handler. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, u32);
	__type(value, struct handling);
} handlings SEC(".maps");

static __always_inline u64 sending_key(u32 pid, int number)
{
	return (u64)pid << 32 | (u32)number;
}

/* SEND_SIG_NOINFO and SEND_SIG_PRIV are the pointers 0 and 1 (include/linux/signal_types.h). */
static __always_inline s32 signal_code(struct kernel_siginfo *info)
{
	return (u64)info > 1 ? BPF_CORE_READ(info, si_code) : 0;
}

/* What signal_generate() takes note of. */
static __always_inline bool is_sent_code(s32 code)
{
	return code == SI_USER || code == SI_QUEUE || code == SI_TKILL;
}

static __always_inline bool is_in_handler(struct task_struct *task, const struct handling *handling)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	u64 sp = ARCH_SP(regs), alternate = BPF_CORE_READ(task, sas_ss_sp);

	if (handling->start_ns != task->start_boottime)
		return false;
	if (!(BPF_CORE_READ(task, blocked.sig[0]) & signal_bit(handling->number)))
		return false;
	return sp < handling->sp || sp - alternate < BPF_CORE_READ(task, sas_ss_size);
}

/* A handler of the current thread takes the signal. */
static __always_inline void sender_handles(struct task_struct *task, int number, struct kernel_siginfo *info)
{
	u64 key = sending_key(task->tgid, number);
	struct event_signal_sender *sending = bpf_map_lookup_elem(&sendings, &key);
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct handling handling = {
		.sp = ARCH_SP(regs),
		.start_ns = task->start_boottime,
		.number = number,
	};
	struct event_signal_first *first = &handling.first;
	u32 tid = task->pid;
	s32 code = signal_code(info);

	/* An earlier sending of that number is nothing to a timer's (SI_TIMER and so on), nor one to a former owner of
	 * the pid. */
	if (!is_sent_code(code) || (u64)info == 1 || (sending && sending->time_ns < leader_start(task)))
		sending = NULL;
	if (sending && sending->first.number) {
		*first = sending->first;
	} else {
		first->time_ns = bpf_ktime_get_boot_ns();
		first->number = number;
		first->code = code;
		first->pid = task->tgid;
		first->tid = tid;
		first->system_call = -1;
		if (code <= 0 && (u64)info > 1) {
			first->sender_pid = BPF_CORE_READ(info, _sifields._kill._pid);
			if (sending)
				__builtin_memcpy(first->sender_comm, sending->comm, sizeof(first->sender_comm));
		} else if (signal_bit(number) & FAULT_SIGNALS && (u64)info > 1) {
			first->address = (u64)BPF_CORE_READ(info, _sifields._sigfault._addr);
			if (number == SIGSYS)
				first->system_call = BPF_CORE_READ(info, _sifields._sigsys._syscall);
		}
	}
	bpf_map_update_elem(&handlings, &tid, &handling, BPF_ANY);
}

SEC("tp/syscalls/sys_enter_rt_sigreturn")
int rt_sigreturn_enter(struct trace_event_raw_sys_enter *ctx)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&handlings, &tid);
	return 0;
}

/* In the sender's context. */
SEC("tp_btf/signal_generate")
int BPF_PROG(signal_generate, int number, struct kernel_siginfo *info, struct task_struct *target, int group,
	     int result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct event_signal_sender sending = {};
	struct handling *handling;
	/* Compared with 1, and before anything else: the verifier takes the pointer for one that is never 0. */
	u64 has_info = (u64)info > 1;
	u32 tid = task->pid;
	u64 key;
	s32 code;

	barrier_var(has_info);
	if (result != SIGNAL_GENERATED || signal_bit(number) & HARMLESS_SIGNALS)
		return 0;
	key = sending_key(BPF_CORE_READ(target, tgid), number);
	code = signal_code(info);
	/* From the kernel or a timer: whoever sent the last one of that number did not send this one. In another
	 * process's name the kernel sends, too: at the end of a parent (PR_SET_PDEATHSIG). A system call always has a
	 * siginfo. */
	if ((u64)info == 1 || !is_sent_code(code) || (!has_info && BPF_CORE_READ(target, tgid) != task->tgid)) {
		bpf_map_delete_elem(&sendings, &key);
		return 0;
	}
	sending.time_ns = bpf_ktime_get_boot_ns();
	sending.pid = task->tgid;
	sending.tid = tid;
	bpf_get_current_comm(sending.comm, sizeof(sending.comm));
	handling = bpf_map_lookup_elem(&handlings, &tid);
	if (handling && is_in_handler(task, handling))
		sending.first = handling->first;
	bpf_map_update_elem(&sendings, &key, &sending, BPF_ANY);
	return 0;
}

/* Who sent the signal that the current process dies of. An earlier process may have had the same id. */
static __always_inline void sender_tell(struct task_struct *task, int number, struct event_signal_sender *sender)
{
	u64 key = sending_key(task->tgid, number);
	struct event_signal_sender *sending = bpf_map_lookup_elem(&sendings, &key);

	/* One that is older than the process was for a former owner of the pid. */
	if (sending && sending->time_ns >= leader_start(task))
		*sender = *sending;
}

#endif
