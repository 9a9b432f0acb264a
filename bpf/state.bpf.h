/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What the kernel side keeps: its maps, its books, and how a record is handed over.
 */
#ifndef BPF_STATE_H
#define BPF_STATE_H

#include "event.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* The one ring: records come out in the order in which room was reserved, across CPUs. Its size is set before loading.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

/* Room for what is told once, when the ring is full of what is told often. The recorder puts the two together by their
 * times. Its size is set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} kept_ring SEC(".maps");

/* Records that went there, so that the recorder looks only when there are some. */
u64 kept_count;

/* Announcements, of processes that ended before one found room, and ends that found none there, either: nobody would
 * tell them again. An announcement is here before the end of the same process. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 14);
	__type(key, struct event_exit_key);
	__type(value, struct event_process);
} owed_processes SEC(".maps");

u64 owed_process_count;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 14);
	__type(key, struct event_exit_key);
	__type(value, struct event_exit);
} owed_exits SEC(".maps");

u64 owed_exit_count;

enum verdict { VERDICT_UNKNOWN = 0, VERDICT_RECORD = 1, VERDICT_IGNORE = 2 };

/* Per thread: the system call that it is in, and the verdict on its process, so that the hot path is one lookup. */
struct thread_state {
	u64 enter_ns;
	u64 extra; /* break before brk; size of the segment before shmdt */
	u64 any_enter_ns; /* of whatever call it is in; only with record --calls */
	struct event_file_id file;
	u32 number;
	u32 verdict;
	u32 epoch; /* of a verdict to ignore: verdict_epoch when it was made */
	u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} threads SEC(".maps");

/* Rises when a process that was ignored is to be recorded: its threads may have kept the old verdict. */
volatile u32 verdict_epoch;

/* Whether a process has to be announced yet: OWED_LATER, not before its threads can know that it is to be recorded. */
enum owed { OWED_NOTHING = 0, OWED = 1, OWED_LATER = 2 };

/* Per process (key: pid): the verdict, and what is needed to announce the process by an EVENT_PROCESS. While that is
 * owed, because there was no room, no record of the process goes out. */
struct process_state {
	u64 start_ns;
	u64 since_ns; /* as in event_process */
	u32 verdict;
	u32 owed;   /* enum owed */
	u32 reason; /* enum event_process_reason */
	u32 parent_pid;
	u32 shares_memory;
	u32 known; /* it was announced once: its end is told, whatever the verdict is then */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, u32);
	__type(value, struct process_state);
} processes SEC(".maps");

/* Pids asked for, and their descendants, with the start of the thread group leader, which tells them from later owners
 * of the pid. Filled by the recorder before it attaches, then by fork and (descendants that run already) by an
 * iterator; the recorder does not know the start and leaves 0, which the first sight of the process fills in. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, u32);
	__type(value, u64);
} followed SEC(".maps");

/* Files whose path was handed over, and under which name last (see file_announce). Full: paths are handed over again,
 * which only costs room. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, struct event_file_id);
	__type(value, u64);
} known_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 14);
	__type(key, u32);
	__type(value, struct event_loss);
} losses SEC(".maps");

/* Processes that hold uprobes (key: pid), so that their exit is told whether they are recorded or not. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 14);
	__type(key, u32);
	__type(value, u64); /* start of the thread group leader */
} holders SEC(".maps");

/* Set by the recorder before loading. */
const volatile struct event_filter filter;

/* TRACE_EVENT_FL_UPROBE of the running kernel (its value moved); 0 when not known. Set by the recorder before loading,
 * because CO-RE finds no value of an enum without a name. */
const volatile u32 uprobe_event_flag;

/* The snapshot of running processes has not ended: who is seen now for the first time will get one. */
volatile bool starting = true;

/* Descendants of the pids asked for are being looked for: a fork hands on that it is followed, and nobody is judged. */
volatile bool finding_descendants = true;

/* How many the iterator has found. */
u64 descendants_found;

#define COUNTER_SLOTS 256
struct counter_slot counters[COUNTER_SLOTS];

static __always_inline struct event_counters *counters_here(void)
{
	return &counters[bpf_get_smp_processor_id() & (COUNTER_SLOTS - 1)].counters;
}

/* What is lost acted since `since_ns`, when it is a call; 0: it has no duration, or nobody knows. */
static __always_inline void count_loss_of(u32 pid, u64 since_ns)
{
	u64 now = bpf_ktime_get_boot_ns();
	u64 first = since_ns && since_ns < now ? since_ns : now;
	struct event_loss fresh = {.count = 1, .first_ns = first, .last_ns = now};
	struct event_loss *loss = bpf_map_lookup_elem(&losses, &pid);

	if (!loss) {
		if (!bpf_map_update_elem(&losses, &pid, &fresh, BPF_NOEXIST))
			return;
		loss = bpf_map_lookup_elem(&losses, &pid);
	}
	if (!loss)
		return; /* the recorder sees that the sum is short and calls it anyone's */
	__sync_fetch_and_add(&loss->count, 1);
	if (first < loss->first_ns)
		loss->first_ns = first;
	loss->last_ns = now;
}

static __always_inline void event_begin(struct event_header *header, u32 type, u64 size)
{
	u64 id = bpf_get_current_pid_tgid();

	header->type = type;
	header->size = size;
	header->cpu = bpf_get_smp_processor_id();
	header->time_ns = bpf_ktime_get_boot_ns();
	header->pid = id >> 32;
	header->tid = (u32)id;
}

static __always_inline void event_count_loss(struct event_counters *here, u64 since_ns)
{
	__sync_fetch_and_add(&here->lost, 1);
	count_loss_of(bpf_get_current_pid_tgid() >> 32, since_ns);
}

/* Room for one record, its header filled in for the current thread; NULL and the books kept when the ring is full. Of a
 * call that was entered at `since_ns`: the loss begins there, since the call acted before its record was to be made. */
static __always_inline void *event_reserve_call(u32 type, const u64 size, u64 since_ns)
{
	struct event_counters *here = counters_here();
	struct event_header *header;

	__sync_fetch_and_add(&here->emitted, 1);
	header = bpf_ringbuf_reserve(&ring, size, 0);
	if (!header) {
		event_count_loss(here, since_ns);
		return NULL;
	}
	event_begin(header, type, size);
	return header;
}

static __always_inline void *event_reserve(u32 type, const u64 size)
{
	return event_reserve_call(type, size, 0);
}

/* The same for what is told once (see event_is_bulk). The loss is not in the books yet. */
static __always_inline void *event_try_kept(u32 type, const u64 size)
{
	struct event_header *header;

	__sync_fetch_and_add(&counters_here()->emitted, 1);
	header = bpf_ringbuf_reserve(&ring, size, 0);
	if (!header) {
		header = bpf_ringbuf_reserve(&kept_ring, size, 0);
		if (!header)
			return NULL;
		/* Before any later record of this process is in the ring, so that the recorder looks here first. */
		__sync_fetch_and_add(&kept_count, 1);
	}
	event_begin(header, type, size);
	return header;
}

static __always_inline void *event_reserve_kept(u32 type, const u64 size)
{
	void *record = event_try_kept(type, size);

	if (!record)
		event_count_loss(counters_here(), 0);
	return record;
}

/* An event was given up before a record could be made. */
static __always_inline void event_count_state_loss(void)
{
	__sync_fetch_and_add(&counters_here()->state_lost, 1);
	count_loss_of(bpf_get_current_pid_tgid() >> 32, 0);
}

/* The recorder polls: a wake-up a record would cost the recorded program more than the record itself. But it polls
 * seldom, so that it is idle when the machine is; a CPU that fills the ring wakes it now and then. */
/* Set by the recorder before loading: a power of two less one, so that all CPUs together fill a part of the ring. */
const volatile u64 wakeup_mask = 1023;

static __always_inline void event_submit(void *record)
{
	u64 flags = counters_here()->emitted & wakeup_mask ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;

	bpf_ringbuf_submit(record, flags);
}

/* For what the recorder must act on at once. */
static __always_inline void event_submit_urgent(void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

#endif
