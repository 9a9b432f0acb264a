/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Whom the filter takes in mid-life: descendants that run when the recorder starts; and a process that changes into one
 * that the filter describes, by its user, its name or its cgroup. (One that changes by an exec is judged in
 * life.bpf.h.)
 *
 * The other way nothing is asked: who is recorded stays so until its next exec.
 */
#ifndef BPF_CHOICE_H
#define BPF_CHOICE_H

#include "life.bpf.h"

/* ---- descendants ---- */

/* Adds the children of those that are followed. The program at fork is there already, so that a child that this walk
 * does not meet, because it is younger, is followed when its parent was before the walk began: a walk that finds nobody
 * has found all. */
SEC("iter/task")
int descendants(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u64 start_ns;
	u32 pid;

	if (!task || is_followed(task) || !is_followed(BPF_CORE_READ(task, real_parent)))
		return 0;
	pid = task->tgid;
	start_ns = leader_start(task);
	if (bpf_map_update_elem(&followed, &pid, &start_ns, BPF_ANY))
		event_count_state_loss();
	else
		__sync_fetch_and_add(&descendants_found, 1);
	return 0;
}

/* ---- changes ---- */

#define COMPILER_BARRIER() asm volatile("" ::: "memory")

/*
 * The process of `task` has changed: if it is ignored, does the filter take it now? What its threads do until they can
 * know is not recorded, and the recorder is told that it was not: the announcement comes when they can. One that
 * changes its name still has the old one now and is announced with its next event.
 */
static __always_inline void process_match(struct task_struct *task, const char *name)
{
	u32 pid = BPF_CORE_READ(task, tgid);
	struct process_state *state = bpf_map_lookup_elem(&processes, &pid);

	/* Who has no state yet will be judged as it is at first sight. */
	if (!state || state->verdict != VERDICT_IGNORE || state->start_ns != leader_start(task) ||
	    BPF_CORE_READ(task, signal, live.counter) == 0 || !filter_takes(task, name))
		return;
	/* setuid(3) of a program with threads is a call of each of them. VERDICT_UNKNOWN: the winner is at work. */
	if (__sync_val_compare_and_swap(&state->verdict, VERDICT_IGNORE, VERDICT_UNKNOWN) != VERDICT_IGNORE)
		return;
	state->since_ns = bpf_ktime_get_boot_ns();
	state->reason = EVENT_PROCESS_MATCHED;
	state->shares_memory = 0;
	state->known = 1;
	state->owed = OWED_LATER;
	COMPILER_BARRIER();
	state->verdict = VERDICT_RECORD;
	COMPILER_BARRIER();
	__sync_fetch_and_add(&verdict_epoch, 1);
	COMPILER_BARRIER();
	state->owed = name || !process_announce(task, state, 1) ? OWED : OWED_NOTHING;
}

/* setuid, setreuid, setresuid. The real user is meant, which a set-user-id program does not change. */
SEC("tp/syscalls/sys_exit_setuid")
int user_changed(struct trace_event_raw_sys_exit *ctx)
{
	if (ctx->ret == 0)
		process_match(bpf_get_current_task_btf(), NULL);
	return 0;
}

/* By prctl, or by writing to /proc/self/comm. The name of a process is that of its first thread. exec has the name
 * changed too, before the new program is there: that is judged at its end. */
SEC("tp_btf/task_rename")
int name_changed(u64 *ctx)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(current);
	struct task_struct *task = (struct task_struct *)ctx[0];
	u64 number = ARCH_SYSCALL_NUMBER(regs);
	char name[FILTER_COMM_BYTES] = {};

	if (task->pid != task->tgid || number == ARCH_SYSCALL_EXECVE || number == ARCH_SYSCALL_EXECVEAT)
		return 0;
	if (bpf_probe_read_kernel_str(name, sizeof(name), (void *)ctx[1]) > 0)
		process_match(task, name);
	return 0;
}

/* After the move; called by who moves. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_changed, void *cgroup, const char *path, struct task_struct *task)
{
	process_match(task, NULL);
	return 0;
}

#endif
