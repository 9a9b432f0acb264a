/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Who attaches and who holds uprobes. What a descriptor stands for is read from the kernel's own structures, not from
 * the attributes that the caller passed: those name a path of the caller's mount namespace, and say nothing of perf
 * events that were made of a probe defined in tracefs.
 */
#ifndef BPF_LEDGER_H
#define BPF_LEDGER_H

#include "signal.bpf.h"

/* include/uapi/linux/magic.h */
#define ANON_INODE_FS_MAGIC 0x09041934

/* One record of the iterator must fit into the 32 KiB of its buffer with all probes of one descriptor. */
#define MAX_PROBES_OF_FILE 200

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct event_probe);
} probe_scratch SEC(".maps");

/* A descriptor of `task` whose probes are told: into `seq`, or into the ring when that is NULL. */
struct probe_walk {
	struct task_struct *task;
	struct seq_file *seq;
	struct list_head *head; /* of the probes of a perf event */
	struct list_head *next;
	struct bpf_uprobe_multi_link *link; /* or of a link */
	u32 count;
	u32 told;
	u32 only_pid;
	u32 program_id;
};

struct probe_place {
	struct path *path;
	struct uprobe *uprobe;
	struct inode *inode; /* when `uprobe` is not known */
	u64 offset;
	u32 at_return;
};

static __always_inline void probe_fill(struct event_probe *record, struct probe_walk *walk, struct probe_place *place)
{
	struct task_struct *task = walk->task;
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct path *path = place->path;
	struct inode *named = BPF_CORE_READ(path, dentry, d_inode);
	struct uprobe *uprobe = place->uprobe;
	struct inode *inode = uprobe ? BPF_CORE_READ(uprobe, inode) : place->inode;

	if (!inode)
		inode = named;
	record->header.pid = BPF_CORE_READ(leader, pid);
	record->offset = place->offset;
	record->file.inode = BPF_CORE_READ(named, i_ino);
	record->file.device = BPF_CORE_READ(named, i_sb, s_dev);
	record->file.generation = BPF_CORE_READ(named, i_generation);
	record->inode = BPF_CORE_READ(inode, i_ino);
	record->device = BPF_CORE_READ(inode, i_sb, s_dev);
	record->at_return = place->at_return;
	record->start_ns = BPF_CORE_READ(leader, start_boottime);
	record->cgroup_id = BPF_CORE_READ(leader, cgroups, dfl_cgrp, kn, id);
	record->how = walk->link ? EVENT_PROBE_LINK : EVENT_PROBE_PERF;
	record->only_pid = walk->only_pid;
	record->program_id = walk->program_id;
	record->left_out = walk->count > MAX_PROBES_OF_FILE ? walk->count - MAX_PROBES_OF_FILE : 0;
	record->used = 0;
	record->truncated = 0;
	record->padding[0] = record->padding[1] = record->padding[2] = 0;
	BPF_CORE_READ_INTO(&record->comm, leader, comm);
}

static __always_inline void probe_fill_path(struct event_probe *record, struct path *path)
{
	record->used = path_components(BPF_CORE_READ(path, dentry), BPF_CORE_READ(path, mnt), record->components,
				       &record->truncated);
}

static __always_inline void probe_tell(struct probe_walk *walk, struct probe_place *place)
{
	struct event_probe *record;
	u32 zero = 0;

	if (!walk->seq) {
		record = event_reserve_kept(EVENT_PROBE, sizeof(*record));
		if (!record)
			return;
		probe_fill(record, walk, place);
		probe_fill_path(record, place->path);
		event_submit(record);
		return;
	}
	record = bpf_map_lookup_elem(&probe_scratch, &zero);
	if (!record)
		return;
	record->header.type = EVENT_PROBE;
	record->header.time_ns = bpf_ktime_get_boot_ns();
	record->header.tid = 0;
	record->header.cpu = 0;
	probe_fill(record, walk, place);
	if (walk->told++) {
		record->header.size = __builtin_offsetof(struct event_probe, components);
		bpf_seq_write(walk->seq, record, __builtin_offsetof(struct event_probe, components));
	} else {
		probe_fill_path(record, place->path);
		record->header.size = sizeof(*record);
		bpf_seq_write(walk->seq, record, sizeof(*record));
	}
}

static long tell_perf_probe(u32 index, struct probe_walk *walk)
{
	struct trace_uprobe___before_uprobe *older;
	struct probe_place place = {};
	struct trace_uprobe *probe;
	struct list_head *node = walk->next;

	if (!node || node == walk->head)
		return 1;
	probe = (void *)node - bpf_core_field_offset(struct trace_probe, list) -
		bpf_core_field_offset(struct trace_uprobe, tp);
	older = (void *)probe;
	place.path = (void *)probe + bpf_core_field_offset(struct trace_uprobe, path);
	place.offset = BPF_CORE_READ(probe, offset);
	place.at_return = BPF_CORE_READ(probe, consumer.ret_handler) != NULL;
	if (bpf_core_field_exists(probe->uprobe))
		place.uprobe = BPF_CORE_READ(probe, uprobe);
	else if (bpf_core_field_exists(older->inode))
		place.inode = BPF_CORE_READ(older, inode);
	probe_tell(walk, &place);
	walk->next = BPF_CORE_READ(node, next);
	return 0;
}

static long tell_link_probe(u32 index, struct probe_walk *walk)
{
	struct bpf_uprobe_multi_link *link = walk->link;
	struct probe_place place = {};
	struct bpf_uprobe *probe;

	if (index >= walk->count)
		return 1;
	probe = (void *)BPF_CORE_READ(link, uprobes) + (u64)index * bpf_core_type_size(struct bpf_uprobe);
	place.path = (void *)link + bpf_core_field_offset(struct bpf_uprobe_multi_link, path);
	place.offset = BPF_CORE_READ(probe, offset);
	place.at_return = BPF_CORE_READ(probe, consumer.ret_handler) != NULL;
	if (bpf_core_field_exists(probe->uprobe))
		place.uprobe = BPF_CORE_READ(probe, uprobe);
	probe_tell(walk, &place);
	return 0;
}

static __always_inline u32 tgid_of(struct task_struct *task)
{
	return task ? BPF_CORE_READ(task, tgid) : 0;
}

static __always_inline bool walk_perf_event(struct probe_walk *walk, struct perf_event *event)
{
	struct trace_event_call *call = BPF_CORE_READ(event, tp_event);
	struct trace_probe_event *probes;

	if (!call || !(BPF_CORE_READ(call, flags) & uprobe_event_flag))
		return false;
	probes = (void *)call - bpf_core_field_offset(struct trace_probe_event, call);
	walk->head = (void *)probes + bpf_core_field_offset(struct trace_probe_event, probes);
	walk->next = BPF_CORE_READ(probes, probes.next);
	walk->only_pid = tgid_of(BPF_CORE_READ(event, hw.target));
	walk->program_id = BPF_CORE_READ(event, prog, aux, id);
	bpf_loop(MAX_PROBES_OF_FILE, tell_perf_probe, walk, 0);
	return true;
}

static __always_inline bool walk_link(struct probe_walk *walk, struct bpf_link *link)
{
	u32 type = BPF_CORE_READ(link, type);

	if (bpf_core_enum_value_exists(enum bpf_link_type, BPF_LINK_TYPE_PERF_EVENT) &&
	    type == bpf_core_enum_value(enum bpf_link_type, BPF_LINK_TYPE_PERF_EVENT)) {
		struct bpf_perf_link *perf = (void *)link - bpf_core_field_offset(struct bpf_perf_link, link);

		return walk_perf_event(walk, BPF_CORE_READ(perf, perf_file, private_data));
	}
	if (bpf_core_enum_value_exists(enum bpf_link_type, BPF_LINK_TYPE_UPROBE_MULTI) &&
	    type == bpf_core_enum_value(enum bpf_link_type, BPF_LINK_TYPE_UPROBE_MULTI)) {
		struct bpf_uprobe_multi_link *multi =
			(void *)link - bpf_core_field_offset(struct bpf_uprobe_multi_link, link);

		walk->link = multi;
		walk->only_pid = tgid_of(BPF_CORE_READ(multi, task));
		walk->count = BPF_CORE_READ(multi, cnt);
		walk->program_id = BPF_CORE_READ(link, prog, aux, id);
		bpf_loop(MAX_PROBES_OF_FILE, tell_link_probe, walk, 0);
		return true;
	}
	return false;
}

static __always_inline void note_holder(struct task_struct *task)
{
	u64 start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	u32 pid = BPF_CORE_READ(task, tgid);

	bpf_map_update_elem(&holders, &pid, &start_ns, BPF_ANY);
}

/* The recorder's own probes are found by the looks alone: they can be many, and no news. */
static __always_inline bool is_recorder(struct task_struct *task)
{
	return (u32)BPF_CORE_READ(task, tgid) == filter.recorder_pid;
}

SEC("tp/syscalls/sys_exit_perf_event_open")
int perf_event_open_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct probe_walk walk = {.task = task};
	struct file *file;

	if (ctx->ret < 0 || is_recorder(task))
		return 0;
	file = file_of_descriptor(task, (u32)ctx->ret);
	if (file && walk_perf_event(&walk, BPF_CORE_READ(file, private_data)))
		note_holder(task);
	return 0;
}

/* include/uapi/linux/bpf.h */
enum { COMMAND_LINK_CREATE = 28 };

SEC("tp/syscalls/sys_exit_bpf")
int bpf_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct probe_walk walk = {.task = task};
	struct bpf_link *link;
	struct file *file;

	if (ctx->ret < 0 || is_recorder(task) || (u32)ARCH_SYSCALL_ARG0(regs) != COMMAND_LINK_CREATE)
		return 0;
	file = file_of_descriptor(task, (u32)ctx->ret);
	if (!file)
		return 0;
	link = BPF_CORE_READ(file, private_data);
	/* The event of a perf link was told when it was opened. */
	if (BPF_CORE_READ(link, type) == BPF_LINK_TYPE_PERF_EVENT)
		return 0;
	if (walk_link(&walk, link))
		note_holder(task);
	return 0;
}

/* Eight letters of a name as one number: a string in memory would make a section that older libbpf cannot load. */
#define LETTERS(a, b, c, d, e, f, g, h)                                                                                \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 |                \
	 (u64)(g) << 48 | (u64)(h) << 56)
#define PERF_EVENT_BEGIN LETTERS('[', 'p', 'e', 'r', 'f', '_', 'e', 'v')
#define PERF_EVENT_END LETTERS('e', 'n', 't', ']', 0, 0, 0, 0)
#define LINK_BEGIN LETTERS('b', 'p', 'f', '_', 'l', 'i', 'n', 'k')

/* Walks the open files of all processes. */
SEC("iter/task_file")
int probe_holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct probe_walk walk = {};
	u64 name[2] = {};
	bool holds = false;

	if (!task || !file || BPF_CORE_READ(file, f_inode, i_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return 0;
	walk.task = task;
	walk.seq = ctx->meta->seq;
	/* The names of anonymous inodes are given by the kernel alone. */
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[0] == PERF_EVENT_BEGIN && name[1] == PERF_EVENT_END)
		holds = walk_perf_event(&walk, BPF_CORE_READ(file, private_data));
	else if (name[0] == LINK_BEGIN && name[1] == 0)
		holds = walk_link(&walk, BPF_CORE_READ(file, private_data));
	if (holds)
		note_holder(task);
	return 0;
}

#endif
