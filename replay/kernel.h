/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the kernel's interface to memory, as records hold them: the headers of the C library hide the newer ones,
 * and a record may be read on another machine. Sources: include/uapi/asm-generic/mman-common.h, mman.h,
 * include/uapi/linux/mman.h, shm.h; x86-64.
 */
#ifndef REPLAY_KERNEL_H
#define REPLAY_KERNEL_H

#include <stdint.h>

#include "schema/record_memory.h"

#define FLAG_MAP_FIXED 0x10ULL
#define FLAG_MAP_ANONYMOUS 0x20ULL
#define FLAG_MAP_HUGETLB 0x40000ULL
#define FLAG_MAP_FIXED_NOREPLACE 0x100000ULL
#define FLAG_MAP_HUGE_SHIFT 26 /* six bits of the flags: the logarithm of the huge page's size */
#define FLAG_MAP_HUGE_MASK 0x3fULL
#define FLAG_MREMAP_FIXED 2ULL
#define FLAG_MREMAP_DONTUNMAP 4ULL
#define FLAG_SHM_RDONLY 010000ULL
#define FLAG_SHM_REMAP 040000ULL
#define FLAG_SHM_EXEC 0100000ULL

#define HUGE_PAGE_SHIFT_DEFAULT 21 /* x86-64: 2 MiB */
#define HUGE_PAGE_SHIFT_MAX 40

#define FLAG_MAP_SHARED 0x1ULL
#define FLAG_MAP_TYPE 0xfULL
#define TYPE_MAP_DROPPABLE 0x8ULL /* private; the kernel may drop its pages, and empties it in a child */
#define FLAG_MAP_GROWSDOWN 0x100ULL
#define FLAG_PROT_GROWSDOWN 0x01000000ULL

enum kernel_advice {
	ADVICE_DONTNEED = 4,
	ADVICE_FREE = 8,
	ADVICE_REMOVE = 9,
	ADVICE_DONTFORK = 10,
	ADVICE_DOFORK = 11,
	ADVICE_WIPEONFORK = 18,
	ADVICE_KEEPONFORK = 19,
	ADVICE_DONTNEED_LOCKED = 24,
	ADVICE_GUARD_INSTALL = 102,
	ADVICE_GUARD_REMOVE = 103,
};

/* A recorded number may be a lie. No architecture gives a process addresses of more than 57 bits, so that a start or a
 * length beyond this bound is not memory; below it no sum of a start and a rounded length can overflow, neither here
 * nor in the signed arithmetic of the view v_effect, which repeats these rules in SQL. */
#define KERNEL_RANGE_LIMIT (1ULL << 62)

static inline uint64_t kernel_align_up(uint64_t bytes, uint64_t unit_bytes)
{
	return (bytes + unit_bytes - 1) & ~(unit_bytes - 1);
}

static inline uint64_t kernel_page_up(uint64_t bytes)
{
	return kernel_align_up(bytes, RECORD_PAGE_BYTES);
}

#endif
