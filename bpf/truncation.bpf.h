/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Files that lose contents while somebody may have them mapped. Who does that is usually another process than the one
 * that dies of it, so the filter is not asked: what counts is that the file is known, because a recorded process mapped
 * or executes it.
 *
 * open(O_TRUNC) and truncate() are seen at their return alone: hooks at the entry of every open on the host would cost
 * all of them, and tell nothing, because the path is not resolved yet.
 */
#ifndef BPF_TRUNCATION_H
#define BPF_TRUNCATION_H

#include "memory.bpf.h"

/* arch/x86/entry/syscalls/syscall_64.tbl */
enum { NR_OPEN = 2, NR_FTRUNCATE = 77, NR_CREAT = 85, NR_OPENAT = 257, NR_FALLOCATE = 285, NR_OPENAT2 = 437 };
/* include/uapi/asm-generic/fcntl.h, include/uapi/linux/falloc.h */
enum { O_TRUNC = 01000 };
enum { FALLOC_PUNCH_HOLE = 2, FALLOC_COLLAPSE_RANGE = 8, FALLOC_ZERO_RANGE = 16 };

/* ftruncate and fallocate of a known file, from entry to return; key: thread. */
struct truncation_state {
	struct event_file_id file;
	u64 enter_ns;
	u64 old_bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 12);
	__type(key, u32);
	__type(value, struct truncation_state);
} truncations SEC(".maps");

static __always_inline struct inode *inode_of_descriptor(u64 fd)
{
	struct file *file = file_of_descriptor(bpf_get_current_task_btf(), (u32)fd);

	return file ? BPF_CORE_READ(file, f_inode) : NULL;
}

static __always_inline void inode_identity(struct inode *inode, struct event_file_id *ret)
{
	ret->inode = BPF_CORE_READ(inode, i_ino);
	ret->device = BPF_CORE_READ(inode, i_sb, s_dev);
	ret->generation = BPF_CORE_READ(inode, i_generation);
}

static __always_inline struct event_truncation *truncation_record(u32 how)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct event_truncation *record = event_reserve_kept(EVENT_TRUNCATION, sizeof(*record));

	if (!record)
		return NULL;
	record->enter_ns = record->header.time_ns;
	record->file = (struct event_file_id){};
	record->old_bytes = EVENT_SIZE_UNKNOWN;
	record->new_bytes = 0;
	record->offset = record->length = 0;
	record->ip = ARCH_IP(regs);
	record->sp = ARCH_SP(regs);
	record->top_word = 0;
	bpf_probe_read_user(&record->top_word, sizeof(record->top_word), (void *)record->sp);
	record->how = how;
	record->uid = BPF_CORE_READ(task, cred, uid.val);
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	__builtin_memset(record->path, 0, sizeof(record->path));
	return record;
}

static __always_inline bool opens_with_truncation(struct trace_event_raw_sys_exit *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	u64 flags = 0;

	switch ((u32)ctx->id) { /* an int, with four bytes of nothing behind it */
	case NR_CREAT:
		return true;
	case NR_OPEN:
		return ARCH_SYSCALL_ARG1(regs) & O_TRUNC;
	case NR_OPENAT:
		return ARCH_SYSCALL_ARG2(regs) & O_TRUNC;
	case NR_OPENAT2: /* struct open_how begins with its flags */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)ARCH_SYSCALL_ARG2(regs));
		return flags & O_TRUNC;
	default:
		return false;
	}
}

SEC("tp/syscalls/sys_exit_openat")
int open_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct event_truncation *record;
	struct event_file_id id = {};
	struct inode *inode;

	if (ctx->ret < 0 || !opens_with_truncation(ctx))
		return 0;
	inode = inode_of_descriptor(ctx->ret);
	if (!inode)
		return 0;
	inode_identity(inode, &id);
	if (!bpf_map_lookup_elem(&known_files, &id))
		return 0;
	record = truncation_record(EVENT_TRUNCATION_OPEN);
	if (!record)
		return 0;
	record->file = id;
	event_submit(record);
	return 0;
}

SEC("tp/syscalls/sys_enter_ftruncate")
int truncation_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct truncation_state state = {.enter_ns = bpf_ktime_get_boot_ns()};
	u32 tid = (u32)bpf_get_current_pid_tgid();
	struct inode *inode;

	if ((u32)ctx->id == NR_FALLOCATE &&
	    !(ctx->args[1] & (FALLOC_PUNCH_HOLE | FALLOC_COLLAPSE_RANGE | FALLOC_ZERO_RANGE)))
		return 0;
	inode = inode_of_descriptor(ctx->args[0]);
	if (!inode)
		return 0;
	inode_identity(inode, &state.file);
	if (!bpf_map_lookup_elem(&known_files, &state.file))
		return 0;
	state.old_bytes = BPF_CORE_READ(inode, i_size);
	if (bpf_map_update_elem(&truncations, &tid, &state, BPF_ANY))
		event_count_state_loss();
	return 0;
}

SEC("tp/syscalls/sys_exit_ftruncate")
int truncation_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	u32 tid = (u32)bpf_get_current_pid_tgid();
	struct truncation_state *found = bpf_map_lookup_elem(&truncations, &tid);
	struct event_truncation *record;
	struct truncation_state state;
	u64 mode = ARCH_SYSCALL_ARG1(regs), new_bytes;
	u32 how = EVENT_TRUNCATION_FD;

	if (!found)
		return 0;
	state = *found;
	bpf_map_delete_elem(&truncations, &tid);
	if (ctx->ret)
		return 0;
	if ((u32)ctx->id == NR_FALLOCATE) {
		how = mode & FALLOC_COLLAPSE_RANGE ? EVENT_TRUNCATION_COLLAPSE : EVENT_TRUNCATION_PUNCH;
		new_bytes = mode & FALLOC_COLLAPSE_RANGE ? state.old_bytes - ARCH_SYSCALL_ARG3(regs) : state.old_bytes;
	} else {
		new_bytes = ARCH_SYSCALL_ARG1(regs);
		if (new_bytes >= state.old_bytes)
			return 0;
	}
	record = truncation_record(how);
	if (!record)
		return 0;
	record->enter_ns = state.enter_ns;
	record->file = state.file;
	record->old_bytes = state.old_bytes;
	record->new_bytes = new_bytes;
	if ((u32)ctx->id == NR_FALLOCATE) {
		record->offset = ARCH_SYSCALL_ARG2(regs);
		record->length = ARCH_SYSCALL_ARG3(regs);
	}
	event_submit(record);
	return 0;
}

SEC("tp/syscalls/sys_exit_truncate")
int truncate_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct event_truncation *record;

	if (ctx->ret)
		return 0;
	record = truncation_record(EVENT_TRUNCATION_PATH);
	if (!record)
		return 0;
	record->new_bytes = ARCH_SYSCALL_ARG1(regs);
	if (bpf_probe_read_user_str(record->path, sizeof(record->path), (void *)ARCH_SYSCALL_ARG0(regs)) < 0)
		record->path[0] = 0;
	event_submit(record);
	return 0;
}

#endif
