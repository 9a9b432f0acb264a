/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The life of a process: fork, exec with the mappings that exec makes itself, exit; and the snapshot of those that ran
 * before the recording.
 */
#ifndef BPF_LIFE_H
#define BPF_LIFE_H

#include "call.bpf.h"

/* When the current thread began the call that makes a process: its memory is copied later. 0: that was not seen. */
static __always_inline u64 fork_enter_ns(struct task_struct *task)
{
	struct thread_state *state = bpf_task_storage_get(&threads, task, NULL, 0);

	return state && state->number == ARCH_SYSCALL_CLONE ? state->enter_ns : 0;
}

/* clone, clone3, fork, vfork. The last two have no arguments, so that no more of the context may be read. */
SEC("tp/syscalls/sys_enter_clone")
int clone_enter(void *ctx)
{
	struct thread_state *state = recorded_thread(bpf_get_current_task_btf());

	if (state) {
		state->number = ARCH_SYSCALL_CLONE;
		state->enter_ns = bpf_ktime_get_boot_ns();
	}
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 parent_pid = parent->tgid;
	u32 pid = child->tgid;
	u32 before = BEFORE_NOTHING;
	struct process_state *state;
	struct event_thread *record;
	u64 start_ns;

	if (pid != parent_pid) {
		bool shares_memory = BPF_CORE_READ(child, mm) == BPF_CORE_READ(parent, mm);

		if (filter.has_pid && is_followed(parent)) {
			start_ns = leader_start(child);
			if (bpf_map_update_elem(&followed, &pid, &start_ns, BPF_ANY))
				event_count_state_loss();
		}
		if (finding_descendants)
			return 0;
		/* Whoever is recorded is announced before its first child, so that the child's history has a parent. */
		process_verdict(parent);
		state = bpf_map_lookup_elem(&processes, &parent_pid);
		if (state && state->verdict == VERDICT_RECORD && state->start_ns == leader_start(parent))
			before = BEFORE_PARENT;
		process_judge(child, starting ? EVENT_PROCESS_SNAPSHOT : EVENT_PROCESS_FORK, parent_pid, shares_memory,
			      before, fork_enter_ns(parent));
		return 0;
	}
	if (finding_descendants || process_verdict(parent) != VERDICT_RECORD)
		return 0;
	record = event_reserve(EVENT_THREAD, sizeof(*record));
	if (record) {
		record->tid = child->pid;
		record->padding = 0;
		event_submit(record);
	}
	return 0;
}

/* False when there was no room. `seen_ns`: when it was there for certain; 0: now. Not static: the verifier then reads
 * it once, and not once a mapping of its callers. */
__noinline int mapping_emit(u32 pid, const struct vma_found *vma, u32 reason, u64 seen_ns)
{
	struct event_file_id id = {};
	struct event_mapping *record;

	if (!vma)
		return true;
	if (vma->file)
		file_announce(vma->file, &id);
	record = event_reserve_kept(EVENT_MAPPING, sizeof(*record));
	if (!record)
		return false;
	record->header.pid = pid;
	record->header.tid = pid;
	if (seen_ns)
		record->header.time_ns = seen_ns;
	record->start = vma->start;
	record->end = vma->end;
	record->vm_flags = vma->flags;
	record->page_offset = vma->page_offset;
	record->file = id;
	record->reason = reason;
	record->padding = 0;
	event_submit(record);
	return true;
}

#define EXEC_NEIGHBOURS 16

/* Emits the mapping at `address` and those that touch it below and above: the segments of one ELF file. Returns where
 * they end; 0 when one found no room. */
static __noinline u64 exec_mappings_around(struct task_struct *task, u64 address)
{
	struct vma_found first = {}, vma = {};
	u32 pid;

	if (!task || !address)
		return 1;
	pid = task->tgid;
	if (bpf_find_vma(task, address, vma_read, &first, 0))
		return 1;
	for (int i = 0; i < EXEC_NEIGHBOURS; i++) {
		if (bpf_find_vma(task, first.start - 1, vma_read, &vma, 0))
			break;
		first = vma;
	}
	if (!mapping_emit(pid, &first, EVENT_MAPPING_EXEC, 0))
		return 0;
	for (int i = 0; i < EXEC_NEIGHBOURS; i++) {
		if (bpf_find_vma(task, first.end, vma_read, &vma, 0))
			break;
		if (!mapping_emit(pid, &vma, EVENT_MAPPING_EXEC, 0))
			return 0;
		first = vma;
	}
	return first.end;
}

static __always_inline u64 auxv_value(struct mm_struct *mm, u64 wanted)
{
	void *auxv = (void *)mm + bpf_core_field_offset(struct mm_struct, saved_auxv);

	for (int i = 0; i < AUXV_ENTRIES; i++) {
		unsigned long pair[2] = {0, 0};

		if (bpf_probe_read_kernel(pair, sizeof(pair), auxv + i * sizeof(pair)) || pair[0] == AT_NULL)
			break;
		if (pair[0] == wanted)
			return pair[1];
	}
	return 0;
}

/* What exec lays out itself; false when some of it found no room. */
static __always_inline bool exec_mappings_tell(struct task_struct *task, struct mm_struct *mm)
{
	/* The interpreter and the vdso often touch each other: one walk takes both then. */
	u64 base = auxv_value(mm, AT_BASE), vdso = auxv_value(mm, AT_SYSINFO_EHDR), end;

	if (!exec_mappings_around(task, BPF_CORE_READ(mm, start_code)))
		return false;
	end = exec_mappings_around(task, base && base < vdso ? base : vdso);
	if (!end)
		return false;
	if (base && (base < vdso ? vdso : base) >= end &&
	    !exec_mappings_around(task, base < vdso ? vdso : base))
		return false;
	return exec_mappings_around(task, BPF_CORE_READ(mm, start_stack)) != 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task)
{
	struct thread_state *thread = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	u32 parent_pid = BPF_CORE_READ(task, real_parent, tgid);
	u32 pid = task->tgid;
	struct process_state *before = bpf_map_lookup_elem(&processes, &pid);
	u32 epoch = verdict_epoch;
	u32 how = BEFORE_NOTHING;
	u32 verdict;

	if (before && before->start_ns == leader_start(task))
		how = (before->verdict == VERDICT_RECORD ? BEFORE_RECORDED : 0) | (before->known ? BEFORE_KNOWN : 0);
	verdict = process_judge(task, EVENT_PROCESS_EXEC, parent_pid, false, how, 0);
	bpf_task_storage_delete(&calls, task);
	if (thread) {
		thread->verdict = verdict;
		thread->epoch = epoch;
	}
	if (verdict != VERDICT_RECORD)
		return 0;
	if (exec_mappings_tell(task, mm))
		return 0;
	/* Announced again, late, with the next event: the recorder then looks for the mappings itself. */
	before = bpf_map_lookup_elem(&processes, &pid);
	if (before) {
		before->owed = OWED;
		if (thread)
			thread->verdict = VERDICT_UNKNOWN;
	}
	return 0;
}

/* include/linux/sched/signal.h */
enum { SIGNAL_GROUP_EXIT = 4 };

/* As wait(2) gives it: without exit_group or a fatal signal the code of the last thread (kernel/exit.c,
 * synchronize_group_exit), which may be 0 where this thread, killed by the others' exit, has another one. */
static __always_inline s32 exit_status_of(struct task_struct *task)
{
	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(task, signal, group_exit_code);
	return task->exit_code;
}

static __always_inline void exit_fill(struct event_exit *record, struct task_struct *task, u64 start_ns)
{
	record->header.pid = BPF_CORE_READ(task, tgid);
	record->header.tid = BPF_CORE_READ(task, pid);
	record->start_ns = start_ns;
	record->status = exit_status_of(task);
	record->uid = BPF_CORE_READ(task, cred, uid.val);
}

/* The process ends, and its announcement has not found room yet: it is left where the recorder looks for it. */
static __noinline int process_owe(struct task_struct *task, const struct process_state *state)
{
	struct event_exit_key key = {};
	struct event_process owed = {};
	struct file *executable;

	if (!task || !state)
		return false;
	key.start_ns = state->start_ns;
	key.pid = task->tgid;
	executable = BPF_CORE_READ(task, mm, exe_file);
	if (executable)
		file_announce(executable, &owed.executable);
	event_begin(&owed.header, EVENT_PROCESS, sizeof(owed));
	process_fill(&owed, task, state, 1);
	if (bpf_map_update_elem(&owed_processes, &key, &owed, BPF_ANY))
		return false;
	__sync_fetch_and_add(&counters_here()->emitted, 1);
	__sync_fetch_and_add(&owed_process_count, 1);
	return true;
}

/* `behind`: its announcement is left for the recorder, and what is in the ring would come first. */
static __always_inline void exit_tell(struct task_struct *task, u64 start_ns, bool behind)
{
	struct event_exit_key key = {.start_ns = start_ns, .pid = task->tgid};
	struct event_exit *record = NULL;
	struct event_exit owed = {};

	if (behind)
		__sync_fetch_and_add(&counters_here()->emitted, 1);
	else
		record = event_try_kept(EVENT_EXIT, sizeof(*record));
	if (record) {
		exit_fill(record, task, start_ns);
		event_submit(record);
		return;
	}
	event_begin(&owed.header, EVENT_EXIT, sizeof(owed));
	exit_fill(&owed, task, start_ns);
	if (bpf_map_update_elem(&owed_exits, &key, &owed, BPF_ANY))
		event_count_loss(counters_here(), 0);
	else
		__sync_fetch_and_add(&owed_exit_count, 1);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	u32 pid = task->tgid;
	struct process_state *state;
	struct process_state last = {};
	bool behind = false;
	struct event_holder_exit *holder_exit;
	u64 *holder;

	calls_give_up(task);
	/* kernel/exit.c counts `live` down before this point: 0 means that no thread is left. Several threads that end
	 * at once may all find it so; the one that removes the state is the one that tells. The pid is not free before
	 * all of them have been here. */
	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	state = bpf_map_lookup_elem(&processes, &pid);
	if (state && state->start_ns == leader_start(task)) {
		last = *state;
		if (last.owed && !process_announce(task, &last, 1))
			behind = process_owe(task, &last);
		if (bpf_map_delete_elem(&processes, &pid) == 0 && last.known)
			exit_tell(task, last.start_ns, behind);
	}
	holder = bpf_map_lookup_elem(&holders, &pid);
	if (holder) {
		holder_exit = event_reserve_kept(EVENT_HOLDER_EXIT, sizeof(*holder_exit));
		if (holder_exit) {
			holder_exit->start_ns = *holder;
			event_submit(holder_exit);
		}
		bpf_map_delete_elem(&holders, &pid);
	}
	bpf_map_delete_elem(&followed, &pid);
	return 0;
}

/* The process has been judged by somebody else while it ended, and the program at its end may not have known it then.
 * Who removes the state tells, here or there. */
static __always_inline void exit_take_over(struct task_struct *task)
{
	u32 pid = BPF_CORE_READ(task, tgid);
	struct process_state *state = bpf_map_lookup_elem(&processes, &pid);
	u64 start_ns = leader_start(task);

	if (state && state->start_ns == start_ns && state->known && !state->owed &&
	    bpf_map_delete_elem(&processes, &pid) == 0)
		exit_tell(task, start_ns, /* behind= */ false);
}

/* A moment at which the mapping stood in the address space that its process is known to have; 0 when there is none,
 * because the process has ended or begun another program meanwhile. Its end and its exec are stamped after the state
 * has changed, so that they come later. */
static __always_inline u64 mapping_seen_ns(struct task_struct *task, struct vm_area_struct *vma)
{
	u32 pid = BPF_CORE_READ(task, tgid);
	u64 now = bpf_ktime_get_boot_ns();
	struct process_state *state = bpf_map_lookup_elem(&processes, &pid);
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	if (!state || state->start_ns != leader_start(task) || state->since_ns > now)
		return 0;
	/* exec takes the new address space before it tells. One that exits has none any more before it tells. */
	return mm && mm != BPF_CORE_READ(vma, vm_mm) ? 0 : now;
}

/* Returns 1 to be called again for the same mapping when the ring is full: the reader of the iterator then waits. */
SEC("iter/task_vma")
int snapshot(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct vma_found found = {};
	u64 seen_ns;
	u32 verdict;

	if (!task || !vma)
		return 0;
	verdict = process_verdict(task);
	if (verdict == VERDICT_UNKNOWN)
		return 1;
	if (verdict != VERDICT_RECORD)
		return 0;
	if (BPF_CORE_READ(task, signal, live.counter) == 0) {
		exit_take_over(task);
		return 0;
	}
	seen_ns = mapping_seen_ns(task, vma);
	if (!seen_ns)
		return 0;
	vma_read(task, vma, &found);
	return mapping_emit(task->tgid, &found, EVENT_MAPPING_SNAPSHOT, seen_ns) ? 0 : 1;
}

#endif
