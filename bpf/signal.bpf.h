/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Signals at delivery, and for a fatal one what only the kernel knows of the dying process: the address of the
 * [uprobes] page and the true return addresses of its pending uretprobes.
 */
#ifndef BPF_SIGNAL_H
#define BPF_SIGNAL_H

#include "sender.bpf.h"

/* QUIT ILL TRAP ABRT BUS FPE SEGV XCPU XFSZ SYS (include/linux/signal.h, SIG_KERNEL_COREDUMP_MASK) */
#define CORE_SIGNALS (FAULT_SIGNALS | 1ULL << 2 | 1ULL << 23 | 1ULL << 24)

#define MAX_INSTANCES 128
#define MAX_THREADS 512

struct instance_walk {
	struct return_instance *next;
	u32 thread;
	u32 depth;
};

/* The kernel lets go of the uprobe some time after its tracer has, and leaves the pointer as it was (hprobe_expire). */
static __always_inline bool has_uprobe(struct return_instance *instance)
{
	u32 state = BPF_CORE_READ(instance, hprobe.state);

	return state != bpf_core_enum_value(enum hprobe_state, HPROBE_GONE) &&
	       state != bpf_core_enum_value(enum hprobe_state, HPROBE_CONSUMED);
}

static long emit_instance(u32 index, struct instance_walk *walk)
{
	struct return_instance *instance = walk->next;
	struct return_instance___before_hprobe *older = (void *)instance;
	struct event_return_instance *record;
	struct uprobe *uprobe;

	if (!instance)
		return 1;
	if (!bpf_core_field_exists(instance->hprobe))
		uprobe = BPF_CORE_READ(older, uprobe);
	else
		uprobe = has_uprobe(instance) ? BPF_CORE_READ(instance, hprobe.uprobe) : NULL;
	record = event_reserve_kept(EVENT_RETURN_INSTANCE, sizeof(*record));
	if (!record)
		return 1;
	record->function = BPF_CORE_READ(instance, func);
	record->stack = BPF_CORE_READ(instance, stack);
	record->return_address = BPF_CORE_READ(instance, orig_ret_vaddr);
	record->chained = BPF_CORE_READ(instance, chained);
	record->offset = uprobe ? BPF_CORE_READ(uprobe, offset) : 0;
	record->inode = uprobe ? BPF_CORE_READ(uprobe, inode, i_ino) : 0;
	record->device = uprobe ? BPF_CORE_READ(uprobe, inode, i_sb, s_dev) : 0;
	record->thread = walk->thread;
	record->depth = walk->depth++;
	event_submit(record);
	walk->next = BPF_CORE_READ(instance, next);
	return 0;
}

struct thread_walk {
	struct list_head *head;
	struct list_head *next;
};

static long emit_thread_instances(u32 index, struct thread_walk *walk)
{
	struct task_struct *task;
	struct instance_walk instances = {};
	struct list_head *node = walk->next;

	if (!node || node == walk->head)
		return 1;
	task = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
	instances.thread = BPF_CORE_READ(task, pid);
	instances.next = BPF_CORE_READ(task, utask, return_instances);
	if (instances.next)
		bpf_loop(MAX_INSTANCES, emit_instance, &instances, 0);
	walk->next = BPF_CORE_READ(node, next);
	return 0;
}

/* The pending uretprobes of every thread of the current process. */
static __always_inline void emit_process_instances(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct list_head *head = (void *)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	struct thread_walk walk = {.head = head, .next = BPF_CORE_READ(head, next)};

	bpf_loop(MAX_THREADS, emit_thread_instances, &walk, 0);
}

static __always_inline u64 trampoline_of(struct task_struct *task)
{
	struct xol_area *area = BPF_CORE_READ(task, mm, uprobes_state.xol_area);

	return area ? BPF_CORE_READ(area, vaddr) : 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(signal_deliver, int number, struct kernel_siginfo *info, struct k_sigaction *action)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 handler = (u64)BPF_CORE_READ(action, sa.sa_handler);
	u64 bit = signal_bit(number);
	bool fatal = handler == 0 && !(bit & HARMLESS_SIGNALS);
	struct event_signal *record;
	struct pt_regs *regs;
	u8 truncated;
	int cause = 0;

	if (handler > 1 && !(bit & HARMLESS_SIGNALS))
		sender_handles(task, number, info);
	if (!fatal && !(bit & FAULT_SIGNALS))
		return 0;
	if (handler == 1 || process_verdict(task) != VERDICT_RECORD)
		return 0;
	/* When a process ends, the kernel kills its threads; group_exit_code tells why: 0 or a status << 8 for an exit,
	 * else the signal. One that dumps core has been delivered as itself; one that does not is first seen here, as
	 * this SIGKILL (kernel/signal.c, complete_signal). */
	if (number == SIGKILL) {
		cause = BPF_CORE_READ(task, signal, group_exit_code) & 0x7f;
		if (!cause || signal_bit(cause) & CORE_SIGNALS)
			return 0;
	}
	record = fatal ? event_reserve_kept(EVENT_SIGNAL, sizeof(*record))
		       : event_reserve(EVENT_SIGNAL, sizeof(*record));
	if (!record)
		return 0;
	record->number = number == SIGKILL ? cause : number;
	record->handler = handler;
	record->fatal = fatal;
	record->code = 0;
	record->error_number = 0;
	record->address = 0;
	record->sender_pid = 0;
	record->sender_uid = 0;
	if ((u64)info > 1) {
		record->code = BPF_CORE_READ(info, si_code);
		record->error_number = BPF_CORE_READ(info, si_errno);
		if (record->code <= 0) {
			record->sender_pid = BPF_CORE_READ(info, _sifields._kill._pid);
			record->sender_uid = BPF_CORE_READ(info, _sifields._kill._uid);
		} else if (bit & FAULT_SIGNALS) {
			record->address = (u64)BPF_CORE_READ(info, _sifields._sigfault._addr);
		}
	}
	record->trampoline = trampoline_of(task);
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	ARCH_COPY_REGISTERS(record->registers, regs);
	record->namespace_tid = namespace_pid(task);
	record->uid = BPF_CORE_READ(task, cred, uid.val);
	record->padding = 0;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	__builtin_memset(&record->sender, 0, sizeof(record->sender));
	/* The SIGKILL of a group's end has no siginfo: who sent the signal that it stands for was seen then. */
	if (fatal && (number == SIGKILL || ((u64)info != 1 && is_sent_code(record->code))))
		sender_tell(task, record->number, &record->sender);
	record->directory_used = 0;
	if (fatal)
		record->directory_used =
			path_components(BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt),
					record->directory, &truncated);
	event_submit(record);
	if (fatal) {
		emit_process_instances(task);
		calls_give_up(task); /* now, so that it is told before the core is complete */
	}
	return 0;
}

/* Not sched_process_exit: by then the address space is gone on kernels where exit_mm() comes first (6.1). A last thread
 * that ends by exit(2) alone, which no C library does, is not seen here. */
SEC("tp/syscalls/sys_enter_exit_group")
int exit_group_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	s32 status = (ctx->args[0] & 0xff) << 8; /* kernel/exit.c */
	struct event_exit_state *record;
	struct pt_regs *regs;
	u64 trampoline;

	if (!status)
		return 0;
	trampoline = trampoline_of(task);
	/* The recorder's own probes make that page, too; nobody's exit is remarkable for them. */
	if (own_probes && !BPF_CORE_READ(task, utask, return_instances))
		return 0;
	if (!trampoline || process_verdict(task) != VERDICT_RECORD)
		return 0;
	record = event_reserve_kept(EVENT_EXIT_STATE, sizeof(*record));
	if (!record)
		return 0;
	record->trampoline = trampoline;
	record->status = status;
	record->namespace_tid = namespace_pid(task);
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	ARCH_COPY_REGISTERS(record->registers, regs);
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	event_submit(record);
	emit_process_instances(task);
	return 0;
}

#endif
