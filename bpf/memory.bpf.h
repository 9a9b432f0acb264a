/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Memory system calls and prctl: one record a call, made at its return, with the time of its entry. The arguments are
 * taken from the saved user registers at the return: the kernel leaves them as the caller set them.
 */
#ifndef BPF_MEMORY_H
#define BPF_MEMORY_H

#include "process.bpf.h"
#include "stack.bpf.h"

static __always_inline struct thread_state *syscall_begin(struct trace_event_raw_sys_enter *ctx,
							  struct task_struct *task)
{
	struct thread_state *state = recorded_thread(task);

	if (state) {
		state->number = ctx->id;
		state->enter_ns = bpf_ktime_get_boot_ns();
	}
	return state;
}

SEC("tp/syscalls/sys_enter_munmap")
int syscall_enter(struct trace_event_raw_sys_enter *ctx)
{
	syscall_begin(ctx, bpf_get_current_task_btf());
	return 0;
}

#define MAP_ANONYMOUS 0x20

SEC("tp/syscalls/sys_enter_mmap")
int mmap_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *state = syscall_begin(ctx, task);
	struct file *file;

	if (!state)
		return 0;
	if (ctx->args[3] & MAP_ANONYMOUS) {
		state->file.inode = 0;
		return 0;
	}
	__builtin_memset(&state->file, 0, sizeof(state->file));
	file = file_of_descriptor(task, (u32)ctx->args[4]);
	if (file) {
		struct event_file_id id = {};

		file_announce(file, &id);
		state->file = id;
	}
	return 0;
}

SEC("tp/syscalls/sys_enter_brk")
int brk_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *state = syscall_begin(ctx, task);

	if (state)
		state->extra = BPF_CORE_READ(task, mm, brk);
	return 0;
}

struct vma_found {
	u64 start;
	u64 end;
	u64 flags;
	u64 page_offset;
	struct file *file;
};

static long vma_read(struct task_struct *task, struct vm_area_struct *vma, struct vma_found *found)
{
	found->start = BPF_CORE_READ(vma, vm_start);
	found->end = BPF_CORE_READ(vma, vm_end);
	found->flags = BPF_CORE_READ(vma, vm_flags);
	found->page_offset = BPF_CORE_READ(vma, vm_pgoff);
	found->file = BPF_CORE_READ(vma, vm_file);
	return 0;
}

/* ipc/util.h: what of an id is the index; more with the kernel parameter ipcmni_extend, which is found out by the id.
 */
#define IPC_INDEX_MASK 0x7fff
#define IPC_SHM_IDS 2
#define PAGE_MASK 4095ULL
/* include/linux/xarray.h: an entry that is a node. */
#define XA_IS_NODE(entry) (((u64)(entry)&3) == 2 && (u64)(entry) > 4096)

/* The segment of that id in the task's IPC namespace, without a lock; NULL when it is not found. */
static __always_inline struct shmid_kernel *segment_find(struct task_struct *task, int id)
{
	struct ipc_namespace *space = BPF_CORE_READ(task, nsproxy, ipc_ns);
	u32 index = (u32)id & IPC_INDEX_MASK;
	struct shmid_kernel *segment;
	void *entry;

	if (!space)
		return NULL;
	entry = BPF_CORE_READ(space, ids[IPC_SHM_IDS].ipcs_idr.idr_rt.xa_head);
	for (int level = 0; level < 4 && XA_IS_NODE(entry); level++) {
		struct xa_node *node = entry - 2;
		u8 shift = BPF_CORE_READ(node, shift);
		void **slots = (void *)node + bpf_core_field_offset(struct xa_node, slots);

		if (bpf_probe_read_kernel(&entry, sizeof(entry), slots + (index >> (shift & 31) & 63)))
			return NULL;
	}
	segment = entry;
	if (!segment || XA_IS_NODE(entry) || (u64)entry & 3 || BPF_CORE_READ(segment, shm_perm.id) != id)
		return NULL;
	return segment;
}

/* What shmat maps: its file's size, which is of whole huge pages where those are asked for (ipc/shm.c, newseg). */
static __always_inline u64 segment_bytes(struct shmid_kernel *segment)
{
	return segment ? ((u64)BPF_CORE_READ(segment, shm_file, f_inode, i_size) + PAGE_MASK) & ~PAGE_MASK : 0;
}

/* The size of the segment that begins there, not of the mapping: pieces of it may have been unmapped or replaced. 0
 * when its first piece has been, or the kernel has locked the mappings just now. The inode number of a segment's file
 * is its id. */
static __always_inline u64 attached_bytes(struct task_struct *task, u64 address)
{
	struct vma_found found = {};
	struct shmid_kernel *segment;
	struct inode *inode;
	struct file *file;

	if (bpf_find_vma(task, address, vma_read, &found, 0) || found.start != address || found.page_offset)
		return 0;
	file = found.file;
	if (!file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	segment = segment_find(task, (int)BPF_CORE_READ(inode, i_ino));
	if (!segment || BPF_CORE_READ(segment, shm_file, f_inode) != inode)
		return 0;
	return segment_bytes(segment);
}

SEC("tp/syscalls/sys_enter_shmdt")
int shmdt_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *state = syscall_begin(ctx, task);

	if (state)
		state->extra = attached_bytes(task, ctx->args[0]);
	return 0;
}

/* include/uapi/linux/mman.h */
#define MAP_FIXED 0x10

/* MADV_DONTNEED FREE REMOVE DONTNEED_LOCKED GUARD_INSTALL */
static __always_inline bool advice_discards(u64 advice)
{
	return advice == 4 || advice == 8 || advice == 9 || advice == 24 || advice == 102;
}

/* Is this a call that takes something away, so that its caller's stack is wanted? */
static __always_inline bool wants_stack(u32 number, s64 result, struct pt_regs *regs)
{
	if (!stack_bytes || (result < 0 && result >= -4095))
		return false;
	switch (number) {
	case ARCH_SYSCALL_MUNMAP:
	case ARCH_SYSCALL_MREMAP:
	case ARCH_SYSCALL_MPROTECT:
	case ARCH_SYSCALL_PKEY_MPROTECT:
	case ARCH_SYSCALL_SHMDT:
		return true;
	case ARCH_SYSCALL_MADVISE:
		return advice_discards(ARCH_SYSCALL_ARG2(regs));
	case ARCH_SYSCALL_MMAP:
		return stack_at_mmap || ARCH_SYSCALL_ARG3(regs) & MAP_FIXED;
	default:
		return false;
	}
}

struct event_syscall_with_stack {
	struct event_syscall call;
	struct event_stack stack;
};

static __always_inline struct event_syscall *syscall_reserve(u32 number, u64 enter_ns, s64 result, struct pt_regs *regs)
{
	struct event_syscall_with_stack *record;
	struct event_stack stack = {};

	if (!wants_stack(number, result, regs))
		return event_reserve_call(EVENT_SYSCALL, sizeof(struct event_syscall), enter_ns);
	stack_take(ARCH_SP(regs), &stack);
	record = event_reserve_call(EVENT_SYSCALL, sizeof(*record), enter_ns);
	if (!record)
		return NULL;
	ARCH_COPY_KEPT_REGISTERS(stack.registers, regs);
	record->stack = stack;
	return &record->call;
}

/* A record for the call that is returning, complete but for what only one kind of call has. */
static __always_inline struct event_syscall *syscall_record(struct trace_event_raw_sys_exit *ctx,
							    struct task_struct *task, struct thread_state *state)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	/* A call that was under way when recording began has no entry: 0 says so. */
	u64 enter_ns = state->number == (u32)ctx->id ? state->enter_ns : 0;
	struct event_syscall *record = syscall_reserve(ctx->id, enter_ns, ctx->ret, regs);

	if (!record)
		return NULL;
	record->enter_ns = enter_ns;
	record->result = ctx->ret;
	record->ip = ARCH_IP(regs);
	record->sp = ARCH_SP(regs);
	record->args[0] = ARCH_SYSCALL_ARG0(regs);
	record->args[1] = ARCH_SYSCALL_ARG1(regs);
	record->args[2] = ARCH_SYSCALL_ARG2(regs);
	record->args[3] = ARCH_SYSCALL_ARG3(regs);
	record->args[4] = ARCH_SYSCALL_ARG4(regs);
	record->args[5] = ARCH_SYSCALL_ARG5(regs);
	record->file = (struct event_file_id){};
	record->number = ctx->id;
	record->padding = 0;
	record->top_word = 0;
	bpf_probe_read_user(&record->top_word, sizeof(record->top_word), (void *)record->sp);
	state->number = ~0U;
	return record;
}

/* The record of the call that is returning, when its process is recorded and there is room; *ret_state is then the
 * thread's. */
static __always_inline struct event_syscall *syscall_end(struct trace_event_raw_sys_exit *ctx,
							 struct thread_state **ret_state)
{
	struct task_struct *task = bpf_get_current_task_btf();

	*ret_state = recorded_thread(task);
	return *ret_state ? syscall_record(ctx, task, *ret_state) : NULL;
}

SEC("tp/syscalls/sys_exit_munmap")
int syscall_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct thread_state *state;
	struct event_syscall *record = syscall_end(ctx, &state);

	if (record)
		event_submit(record);
	return 0;
}

SEC("tp/syscalls/sys_exit_mmap")
int mmap_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct thread_state *state;
	struct event_syscall *record = syscall_end(ctx, &state);

	if (!record)
		return 0;
	if (record->enter_ns && state->file.inode)
		record->file = state->file;
	event_submit(record);
	return 0;
}

SEC("tp/syscalls/sys_exit_brk")
int brk_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct thread_state *state;
	struct event_syscall *record = syscall_end(ctx, &state);

	if (!record)
		return 0;
	record->args[1] = record->enter_ns ? state->extra : record->result;
	event_submit(record);
	return 0;
}

SEC("tp/syscalls/sys_exit_shmat")
int shmat_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vma_found found = {};
	struct event_syscall *record;
	struct thread_state *state;

	record = syscall_end(ctx, &state);
	if (!record)
		return 0;
	record->args[3] = ctx->ret > 0 ? segment_bytes(segment_find(task, (int)record->args[0])) : 0;
	/* The kernel may have locked the mappings for another thread: so that is the second choice. */
	if (ctx->ret > 0 && !record->args[3] && !bpf_find_vma(task, ctx->ret, vma_read, &found, 0))
		record->args[3] = found.end - found.start;
	event_submit(record);
	return 0;
}

SEC("tp/syscalls/sys_exit_shmdt")
int shmdt_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct thread_state *state;
	struct event_syscall *record = syscall_end(ctx, &state);

	if (!record)
		return 0;
	record->args[1] = record->enter_ns ? state->extra : 0;
	event_submit(record);
	return 0;
}

/* include/uapi/linux/prctl.h */
enum { PR_GET_DUMPABLE = 3, PR_SET_NAME = 15, PR_SET_VMA = 0x53564d41, PR_SET_VMA_ANON_NAME = 0 };
/* MARKER_MAGIC of include/corelate/marker.h */
#define MARKER_MAGIC 0x6574616c65726f63ULL

/* Which argument of this prctl points to a name; 0 for none. */
static __always_inline u64 prctl_text(const u64 *args)
{
	if (args[0] == PR_SET_NAME)
		return args[1];
	if (args[0] == PR_SET_VMA && args[1] == PR_SET_VMA_ANON_NAME)
		return args[4];
	if (args[0] == PR_GET_DUMPABLE && args[2] == MARKER_MAGIC)
		return args[3];
	return 0;
}

SEC("tp/syscalls/sys_exit_prctl")
int prctl_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *state = recorded_thread(task);
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct event_prctl *record;
	u64 enter_ns, text;

	if (!state)
		return 0;
	enter_ns = state->number == (u32)ctx->id ? state->enter_ns : 0;
	record = event_reserve_call(EVENT_PRCTL, sizeof(*record), enter_ns);
	if (!record)
		return 0;
	record->enter_ns = enter_ns;
	record->result = ctx->ret;
	record->ip = ARCH_IP(regs);
	record->sp = ARCH_SP(regs);
	record->args[0] = ARCH_SYSCALL_ARG0(regs);
	record->args[1] = ARCH_SYSCALL_ARG1(regs);
	record->args[2] = ARCH_SYSCALL_ARG2(regs);
	record->args[3] = ARCH_SYSCALL_ARG3(regs);
	record->args[4] = ARCH_SYSCALL_ARG4(regs);
	__builtin_memset(record->text, 0, sizeof(record->text));
	text = prctl_text(record->args);
	if (text && bpf_probe_read_user_str(record->text, sizeof(record->text), (void *)text) < 0)
		record->text[0] = 0;
	state->number = ~0U;
	event_submit(record);
	return 0;
}

#endif
