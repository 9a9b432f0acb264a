/* SPDX-License-Identifier: MIT */
/*
 * What one memory call did to an address space, as ranges: by its own arguments and result alone. Pure. What stood in
 * those ranges, and so what came of it, is replay/space.h's business.
 *
 * Ranges are half-open, of whole pages, in addresses of the recorded process.
 */
#ifndef REPLAY_EFFECT_H
#define REPLAY_EFFECT_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/record_memory.h"

/* What a memory event did to the address space. An empty range has start == end. */
struct memory_effect {
	uint64_t removed_start, removed_end;   /* whatever was mapped here is gone */
	uint64_t removed2_start, removed2_end; /* the same for the second range: what mremap's MREMAP_FIXED covered */
	uint64_t added_start, added_end;       /* a mapping stands here now (after the removal) */
	uint64_t touched_start, touched_end;   /* permissions or contents changed, the mappings stay */
};

/* What `event` certainly did, on all of these ranges that was mapped; all empty for a failed call, but for a madvise
 * that failed for a hole alone. Sources: mm/mmap.c, mm/mremap.c, mm/mprotect.c, mm/madvise.c, ipc/shm.c: lengths round
 * up to pages; MAP_FIXED replaces; mremap of old size 0 duplicates; MREMAP_DONTUNMAP leaves the old range mapped (and
 * empty), so it is touched, not removed; mremap and brk in place add or remove the tail alone; madvise touches where
 * the advice discards contents or sets guards, and passes over holes, which make it return ENOMEM at the end. Numbers
 * that no kernel accepts (an unaligned start, an address or a length of 2^62 and more) give an empty range. The view
 * v_effect says the same in SQL. */
struct memory_effect memory_event_effect(const struct memory_event *event);

/* The same, and of a call that failed (memory_event_failed) what it may have done before it did, wholly or in part. As
 * seen on 6.18: mprotect changes mapping after mapping and stops at the first hole (ENOMEM) or at the first that
 * refuses (EACCES, EPERM); madvise stops at a mapping that refuses; MAP_FIXED has unmapped its range when the file's
 * own mmap refuses (a perf event: EINVAL, a UDP socket: ENODEV) or, on older kernels, when memory ran out; MREMAP_FIXED
 * unmaps its target, and moves mapping after mapping (6.17 on), and may then fail. What is refused before anything is
 * done (EBADF, EEXIST, EINTR, unaligned numbers) has no effect. */
struct memory_effect memory_event_reach(const struct memory_event *event);

/* The pages that a call with (address, length) first named; empty for numbers that no kernel accepts. */
void memory_event_named(const struct memory_event *event, uint64_t *ret_start, uint64_t *ret_end);

/* The page size of memory mapped with these MAP_* flags. Of a hugetlbfs file it is not in the record. */
uint64_t memory_page_bytes(uint64_t flags);

/* True when any range of the effect overlaps [start, end). */
bool memory_effect_overlaps(const struct memory_effect *effect, uint64_t start, uint64_t end);

/* Calls that return an address, and others, fail with a negative errno; addresses of the upper half are none of them.
 */
bool memory_event_failed(const struct memory_event *event);

#endif
