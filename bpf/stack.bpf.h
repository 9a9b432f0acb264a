/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * User stacks, copied and not unwound. A slice goes out once: its hash is remembered, and later events name it. When
 * the ring fills up, no slice goes out: events go before stacks.
 */
#ifndef BPF_STACK_H
#define BPF_STACK_H

#include "arch.bpf.h"
#include "state.bpf.h"

/* All set by the recorder before loading. `stack_bytes` is 0 or a power of two. */
const volatile u32 stack_bytes;
const volatile u64 stack_seed[4] = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93};
const volatile u64 stack_ring_limit; /* bytes in the ring above which slices are skipped */
const volatile bool stack_at_mmap;
const volatile bool stack_at_malloc;

/* Set by the recorder while it has too much to store; and raised by it when it no longer knows what was sent. */
volatile bool stacks_paused;
volatile u32 stack_epoch = 1;

/* Slices that were handed over, and in which epoch. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, u64);
	__type(value, u32);
} slices_sent SEC(".maps");

/* Twice the largest slice, because the verifier knows the bounds of where a piece begins and of how long it is, and not
 * that of their sum. */
struct stack_scratch {
	u32 busy;
	u32 padding;
	u8 bytes[2 * EVENT_STACK_MAX_BYTES + 64];
};

/* Two a CPU: a program at a uprobe can be preempted by another one. Set before loading: number of entries, and the size
 * of the value where smaller slices are asked for. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct stack_scratch);
} stack_scratches SEC(".maps");

static __always_inline struct stack_scratch *scratch_take(void)
{
	u32 key = bpf_get_smp_processor_id() * 2;
	struct stack_scratch *scratch = bpf_map_lookup_elem(&stack_scratches, &key);

	if (scratch && __sync_val_compare_and_swap(&scratch->busy, 0, 1) == 0)
		return scratch;
	key++;
	scratch = bpf_map_lookup_elem(&stack_scratches, &key);
	if (scratch && __sync_val_compare_and_swap(&scratch->busy, 0, 1) == 0)
		return scratch;
	return NULL;
}

#define PAGE_BYTES 4096

/* Page by page, so that the end of the stack's mapping ends the copy and does not fail it. Returns the bytes copied. */
static __always_inline u32 stack_copy(struct stack_scratch *scratch, u64 sp)
{
	u32 used = PAGE_BYTES - (sp & (PAGE_BYTES - 1));

	if (used > stack_bytes)
		used = stack_bytes;
	if (bpf_probe_read_user(scratch->bytes, used, (void *)sp))
		return 0;
	for (u32 page = 0; page < EVENT_STACK_MAX_BYTES / PAGE_BYTES; page++) {
		u32 piece = stack_bytes - used;

		if (used >= stack_bytes)
			break;
		if (piece > PAGE_BYTES)
			piece = PAGE_BYTES;
		if (bpf_probe_read_user(scratch->bytes + used, piece, (void *)(sp + used)))
			break;
		used += piece;
	}
	return used < stack_bytes ? used : stack_bytes; /* which it is; for the verifier */
}

#define HASH_STEP(lane, word) ((lane) = __builtin_bswap64(((lane) ^ (word)) * 0x9e3779b97f4a7c15ULL))

static __always_inline u64 hash_finish(u64 value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

/* Four lanes, because each step waits for its own multiplication. The swap brings the highest bits, which a
 * multiplication spreads no further, down to where the next one does. The seed is not known to recorded programs. */
static __always_inline u64 stack_hash(struct stack_scratch *scratch, u32 used)
{
	u64 a = stack_seed[0], b = stack_seed[1], c = stack_seed[2], d = stack_seed[3];
	u8 *end = scratch->bytes + used;

	/* The last step may read beyond. */
	__builtin_memset(end, 0, 32);
	for (u32 at = 0; at < stack_bytes; at += 32) {
		u64 *words = (u64 *)(scratch->bytes + at);

		if (at >= used)
			break;
		HASH_STEP(a, words[0]);
		HASH_STEP(b, words[1]);
		HASH_STEP(c, words[2]);
		HASH_STEP(d, words[3]);
	}
	a = hash_finish(a ^ used);
	a = hash_finish(a ^ b);
	a = hash_finish(a ^ c);
	a = hash_finish(a ^ d);
	return a ? a : 1;
}

/* Hands the slice over; false when it must wait for a better time. */
static __always_inline bool slice_send(struct stack_scratch *scratch, u32 used, u64 sp, u64 hash)
{
	struct event_stack_slice *record;
	u64 id = bpf_get_current_pid_tgid();
	u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	u32 epoch = stack_epoch;

	if (stacks_paused || waiting > stack_ring_limit)
		return false;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record) + stack_bytes, 0);
	if (!record)
		return false;
	record->header.type = EVENT_STACK_SLICE;
	record->header.size = sizeof(*record) + used;
	record->header.cpu = bpf_get_smp_processor_id();
	record->header.time_ns = bpf_ktime_get_boot_ns();
	record->header.pid = id >> 32;
	record->header.tid = (u32)id;
	record->hash = hash;
	record->address = sp;
	record->bytes = used;
	record->padding = 0;
	bpf_probe_read_kernel(record->data, used, scratch->bytes);
	bpf_ringbuf_submit(record, waiting > stack_ring_limit / 2 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	bpf_map_update_elem(&slices_sent, &hash, &epoch, BPF_ANY);
	return true;
}

/* Fills in all but the registers. Not static: the verifier then reads it once, and not once a path of its callers. */
__noinline int stack_take(u64 sp, struct event_stack *stack)
{
	struct stack_scratch *scratch;
	u32 state = EVENT_STACK_SKIPPED;
	u32 used = 0, *sent;
	u64 hash = 0;

	if (!stack)
		return 0;
	scratch = scratch_take();
	if (scratch) {
		used = stack_copy(scratch, sp);
		state = used ? EVENT_STACK_WHOLE : EVENT_STACK_UNREADABLE;
		if (used) {
			hash = stack_hash(scratch, used);
			sent = bpf_map_lookup_elem(&slices_sent, &hash);
			if (!(sent && *sent == stack_epoch) && !slice_send(scratch, used, sp, hash)) {
				state = EVENT_STACK_SKIPPED;
				hash = 0;
			}
		}
		scratch->busy = 0;
	}
	stack->hash = hash;
	stack->bytes = used;
	stack->state = state;
	return 0;
}

#endif
