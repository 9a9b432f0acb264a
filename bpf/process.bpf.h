/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Who is recorded, and how a process is announced. Every process is announced once, before its first record, and again
 * with each exec. An announcement that found no room is owed: it is tried again with the next event, which does not go
 * out before it, so that a full ring never leaves a process without a name, or with its old program's.
 */
#ifndef BPF_PROCESS_H
#define BPF_PROCESS_H

#include "file.bpf.h"

/* include/uapi/linux/auxvec.h */
enum { AT_NULL = 0, AT_BASE = 7, AT_ENTRY = 9, AT_RANDOM = 25, AT_SYSINFO_EHDR = 33 };
#define AUXV_ENTRIES 24

static __always_inline bool under_cgroup(struct task_struct *task, u64 id)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	for (int level = 0; level < 32 && cgroup; level++) {
		struct cgroup_subsys_state *parent;

		if (BPF_CORE_READ(cgroup, kn, id) == id)
			return true;
		parent = BPF_CORE_READ(cgroup, self.parent);
		if (!parent)
			break;
		cgroup = BPF_CORE_READ(parent, cgroup);
	}
	return false;
}

static __always_inline u64 leader_start(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

/* The process itself, and not a former owner of its pid. */
static __always_inline bool is_followed(struct task_struct *task)
{
	u32 pid = BPF_CORE_READ(task, tgid);
	u64 start_ns = leader_start(task);
	u64 *followed_ns = bpf_map_lookup_elem(&followed, &pid);

	if (!followed_ns)
		return false;
	if (!*followed_ns)
		*followed_ns = start_ns;
	return *followed_ns == start_ns;
}

static __always_inline bool is_name(const char *comm)
{
	for (int i = 0; i < FILTER_COMM_BYTES; i++) {
		if (comm[i] != filter.comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

/* Does the filter take this process? All criteria that are set must hold. `name` (FILTER_COMM_BYTES): the one that it
 * is about to have; NULL for the one that it has. */
static __always_inline bool filter_takes(struct task_struct *task, const char *name)
{
	u32 pid = BPF_CORE_READ(task, tgid);

	if (pid == filter.recorder_pid)
		return false;
	if (filter.has_pid && !is_followed(task))
		return false;
	if (filter.has_uid && BPF_CORE_READ(task, cred, uid.val) != filter.uid)
		return false;
	if (filter.executable_inode) {
		struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);

		if (BPF_CORE_READ(inode, i_ino) != filter.executable_inode ||
		    BPF_CORE_READ(inode, i_sb, s_dev) != filter.executable_device)
			return false;
	}
	if (filter.has_comm && name && !is_name(name))
		return false;
	if (filter.has_comm && !name) {
		char comm[FILTER_COMM_BYTES];

		BPF_CORE_READ_INTO(&comm, task, group_leader, comm);
		if (!is_name(comm))
			return false;
	}
	if (filter.cgroup_id && !under_cgroup(task, filter.cgroup_id))
		return false;
	return true;
}

/* The thread id as the thread's own pid namespace has it: kernel/pid.c, numbers[level]. */
static __always_inline u32 namespace_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	int number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), numbers + (u64)(level & 31) * bpf_core_type_size(struct upid));
	return number;
}

static __always_inline void read_auxv(struct mm_struct *mm, struct event_process *record)
{
	void *auxv = (void *)mm + bpf_core_field_offset(struct mm_struct, saved_auxv);

	record->auxv_sysinfo_ehdr = record->auxv_random = record->auxv_entry = record->auxv_base = 0;
	if (!mm)
		return;
	for (int i = 0; i < AUXV_ENTRIES; i++) {
		unsigned long pair[2] = {0, 0};

		if (bpf_probe_read_kernel(pair, sizeof(pair), auxv + i * sizeof(pair)) || pair[0] == AT_NULL)
			break;
		if (pair[0] == AT_SYSINFO_EHDR)
			record->auxv_sysinfo_ehdr = pair[1];
		else if (pair[0] == AT_RANDOM)
			record->auxv_random = pair[1];
		else if (pair[0] == AT_ENTRY)
			record->auxv_entry = pair[1];
		else if (pair[0] == AT_BASE)
			record->auxv_base = pair[1];
	}
}

static __always_inline void process_fill(struct event_process *record, struct task_struct *task,
					 const struct process_state *state, u32 late)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	record->header.pid = BPF_CORE_READ(task, tgid);
	record->header.tid = BPF_CORE_READ(task, pid);
	record->start_ns = state->start_ns;
	record->since_ns = state->since_ns;
	record->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	read_auxv(BPF_CORE_READ(task, mm), record);
	record->reason = state->reason;
	record->parent_pid = state->parent_pid;
	record->namespace_pid = namespace_pid(leader);
	record->uid = BPF_CORE_READ(task, cred, uid.val);
	record->shares_memory = state->shares_memory;
	record->late = late;
	BPF_CORE_READ_INTO(&record->comm, leader, comm);
}

/* Announces the process of `task`; false when there was no room. `late`: there was none when it happened. */
static __always_inline bool process_announce(struct task_struct *task, const struct process_state *state, u32 late)
{
	struct file *executable = BPF_CORE_READ(task, mm, exe_file);
	struct event_file_id executable_id = {};
	struct event_process *record;

	if (executable)
		file_announce(executable, &executable_id);
	record = event_reserve_kept(EVENT_PROCESS, sizeof(*record));
	if (!record)
		return false;
	process_fill(record, task, state, late);
	record->executable = executable_id;
	event_submit(record);
	return true;
}

/* How a process was judged before it began what it is judged for. */
enum before {
	BEFORE_NOTHING = 0,
	BEFORE_RECORDED = 1, /* its old program was: the end of that is told even where the new one is none to record */
	BEFORE_KNOWN = 2,    /* it was announced at some time */
	BEFORE_PARENT = 4,   /* its parent is recorded: so is the copy */
};

/* The verdict on a process that has just begun: to be, to run another program, or to be seen. `since_ns`: 0 is now. */
static __always_inline u32 process_judge(struct task_struct *task, u32 reason, u32 parent_pid, bool shares_memory,
					 u32 before, u64 since_ns)
{
	struct process_state state = {
		.start_ns = leader_start(task),
		.since_ns = bpf_ktime_get_boot_ns(),
		.reason = reason,
		.parent_pid = parent_pid,
		.shares_memory = shares_memory,
	};
	u32 pid = BPF_CORE_READ(task, tgid);

	if (before & BEFORE_PARENT) {
		state.verdict = VERDICT_RECORD;
		if (since_ns && reason == EVENT_PROCESS_FORK)
			state.since_ns = since_ns;
	} else {
		state.verdict = filter_takes(task, NULL) ? VERDICT_RECORD : VERDICT_IGNORE;
		/* What it has from its parent was not recorded. */
		if (reason == EVENT_PROCESS_FORK && state.verdict == VERDICT_RECORD) {
			state.reason = EVENT_PROCESS_MATCHED;
			state.shares_memory = 0;
		}
	}
	state.owed = state.verdict == VERDICT_RECORD || before & BEFORE_RECORDED ? OWED : OWED_NOTHING;
	state.known = state.owed || before & BEFORE_KNOWN;
	if (state.owed && process_announce(task, &state, 0))
		state.owed = OWED_NOTHING;
	if (bpf_map_update_elem(&processes, &pid, &state, BPF_ANY) && state.owed)
		event_count_state_loss();
	return state.owed ? VERDICT_UNKNOWN : state.verdict;
}

/* The verdict on the process of `task`, made and announced now if it has none yet. */
static __always_inline u32 process_verdict(struct task_struct *task)
{
	u32 pid = BPF_CORE_READ(task, tgid);
	struct process_state *state = bpf_map_lookup_elem(&processes, &pid);

	if (state && state->start_ns == leader_start(task)) {
		/* Read in this order: see process_match. */
		u32 verdict = *(volatile u32 *)&state->verdict;
		u32 owed = *(volatile u32 *)&state->owed;

		/* Two threads may do so at once: the recorder knows a second announcement by its since_ns. */
		if (owed) {
			if (owed == OWED_LATER || !process_announce(task, state, 1))
				return VERDICT_UNKNOWN;
			state->owed = OWED_NOTHING;
		}
		return verdict;
	}
	/* All its threads have ended: its exit was told, and the snapshot still finds its memory. */
	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		return VERDICT_IGNORE;
	return process_judge(task, starting ? EVENT_PROCESS_SNAPSHOT : EVENT_PROCESS_SEEN,
			     BPF_CORE_READ(task, real_parent, tgid), false, BEFORE_NOTHING, 0);
}

/* The current thread's state when its process is recorded, else NULL. */
static __always_inline struct thread_state *recorded_thread(struct task_struct *task)
{
	struct thread_state *state = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	u32 epoch;

	if (!state) {
		if (process_verdict(task) == VERDICT_RECORD)
			event_count_state_loss();
		return NULL;
	}
	if (state->verdict == VERDICT_RECORD)
		return state;
	epoch = verdict_epoch; /* before the verdict is read */
	if (state->verdict == VERDICT_UNKNOWN || state->epoch != epoch) {
		state->verdict = process_verdict(task);
		state->epoch = epoch;
	}
	return state->verdict == VERDICT_RECORD ? state : NULL;
}

#endif
