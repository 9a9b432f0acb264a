/* SPDX-License-Identifier: MIT */
#include "replay/effect.h"

#include <errno.h>

#include "replay/kernel.h"

/* Leaves the range empty when no kernel would have accepted these numbers. `unit_bytes` is the page size by which the
 * length rounds up. */
static void set_range_of(uint64_t start, uint64_t length, uint64_t unit_bytes, uint64_t *ret_start, uint64_t *ret_end)
{
	if (start % RECORD_PAGE_BYTES != 0 || start >= KERNEL_RANGE_LIMIT || length == 0 || length > KERNEL_RANGE_LIMIT)
		return;
	*ret_start = start;
	*ret_end = start + kernel_align_up(length, unit_bytes);
}

static void set_range(uint64_t start, uint64_t length, uint64_t *ret_start, uint64_t *ret_end)
{
	set_range_of(start, length, RECORD_PAGE_BYTES, ret_start, ret_end);
}

bool memory_event_failed(const struct memory_event *event)
{
	return event->result < 0 && event->result >= -4095;
}

static bool advice_discards(uint64_t advice)
{
	switch (advice) {
	case ADVICE_DONTNEED:
	case ADVICE_FREE:
	case ADVICE_REMOVE:
	case ADVICE_DONTNEED_LOCKED:
	case ADVICE_GUARD_INSTALL:
	case ADVICE_GUARD_REMOVE:
		return true;
	default:
		return false;
	}
}

/* ksys_mmap_pgoff() rounds an anonymous huge mapping up to its huge page, whose size the flags may name. A mapping of a
 * hugetlbfs file rounds likewise, but its page size is not in the record. */
uint64_t memory_page_bytes(uint64_t flags)
{
	uint64_t shift = flags >> FLAG_MAP_HUGE_SHIFT & FLAG_MAP_HUGE_MASK;

	if (!(flags & FLAG_MAP_HUGETLB))
		return RECORD_PAGE_BYTES;
	if (shift < 12 || shift > HUGE_PAGE_SHIFT_MAX)
		shift = HUGE_PAGE_SHIFT_DEFAULT;
	return 1ULL << shift;
}

static void mmap_effect(const struct memory_event *event, struct memory_effect *effect)
{
	uint64_t flags = event->args[3];

	if (memory_event_failed(event))
		return;
	set_range_of((uint64_t)event->result, event->args[1], memory_page_bytes(flags), &effect->added_start,
		     &effect->added_end);
	if ((flags & FLAG_MAP_FIXED) && !(flags & FLAG_MAP_FIXED_NOREPLACE)) {
		effect->removed_start = effect->added_start;
		effect->removed_end = effect->added_end;
	}
}

static void mremap_effect(const struct memory_event *event, struct memory_effect *effect)
{
	uint64_t old_start = event->args[0], old_length = event->args[1], new_length = event->args[2];
	uint64_t flags = event->args[3], new_start = (uint64_t)event->result;

	if (memory_event_failed(event) || old_length > KERNEL_RANGE_LIMIT || new_length > KERNEL_RANGE_LIMIT)
		return;
	old_length = kernel_page_up(old_length);
	new_length = kernel_page_up(new_length);

	if (old_length != 0 && !(flags & FLAG_MREMAP_DONTUNMAP) && new_start == old_start) {
		/* In place: only the tail comes or goes. */
		if (new_length < old_length && old_start < KERNEL_RANGE_LIMIT)
			set_range(old_start + new_length, old_length - new_length, &effect->removed_start,
				  &effect->removed_end);
		else if (new_length > old_length && old_start < KERNEL_RANGE_LIMIT)
			set_range(old_start + old_length, new_length - old_length, &effect->added_start,
				  &effect->added_end);
		return;
	}

	set_range(new_start, new_length, &effect->added_start, &effect->added_end);
	if (flags & FLAG_MREMAP_FIXED) {
		effect->removed2_start = effect->added_start;
		effect->removed2_end = effect->added_end;
	}
	if (flags & FLAG_MREMAP_DONTUNMAP)
		set_range(old_start, old_length, &effect->touched_start, &effect->touched_end);
	else
		set_range(old_start, old_length, &effect->removed_start, &effect->removed_end);
}

/* brk(2) never fails: a refused request returns the old break, which changes nothing. */
static void brk_effect(const struct memory_event *event, struct memory_effect *effect)
{
	uint64_t old_end = event->args[1], new_end = (uint64_t)event->result;

	if (old_end > KERNEL_RANGE_LIMIT || new_end > KERNEL_RANGE_LIMIT)
		return;
	old_end = kernel_page_up(old_end);
	new_end = kernel_page_up(new_end);
	if (new_end > old_end)
		set_range(old_end, new_end - old_end, &effect->added_start, &effect->added_end);
	else
		set_range(new_end, old_end - new_end, &effect->removed_start, &effect->removed_end);
}

static void shmat_effect(const struct memory_event *event, struct memory_effect *effect)
{
	if (memory_event_failed(event))
		return;
	set_range((uint64_t)event->result, event->args[3], &effect->added_start, &effect->added_end);
	if (event->args[2] & FLAG_SHM_REMAP) {
		effect->removed_start = effect->added_start;
		effect->removed_end = effect->added_end;
	}
}

/* These advices return ENOMEM for a hole alone; the others may lack memory for what they do themselves. */
static bool passed_holes(const struct memory_event *event)
{
	return event->result == -ENOMEM && (event->args[2] == ADVICE_DONTNEED || event->args[2] == ADVICE_FREE ||
					    event->args[2] == ADVICE_DONTNEED_LOCKED);
}

struct memory_effect memory_event_effect(const struct memory_event *event)
{
	struct memory_effect effect = {0};
	bool returned_zero = event->result == 0;

	switch (event->kind) {
	case MEMORY_SEEN:
		set_range(event->args[0], event->args[1], &effect.added_start, &effect.added_end);
		break;
	case MEMORY_MMAP:
		mmap_effect(event, &effect);
		break;
	case MEMORY_MREMAP:
		mremap_effect(event, &effect);
		break;
	case MEMORY_BRK:
		brk_effect(event, &effect);
		break;
	case MEMORY_SHMAT:
		shmat_effect(event, &effect);
		break;
	case MEMORY_MUNMAP:
	case MEMORY_SHMDT:
		if (returned_zero)
			set_range(event->args[0], event->args[1], &effect.removed_start, &effect.removed_end);
		break;
	case MEMORY_MPROTECT:
	case MEMORY_PKEY_MPROTECT:
		if (returned_zero)
			set_range(event->args[0], event->args[1], &effect.touched_start, &effect.touched_end);
		break;
	case MEMORY_MADVISE:
		if ((returned_zero || passed_holes(event)) && advice_discards(event->args[2]))
			set_range(event->args[0], event->args[1], &effect.touched_start, &effect.touched_end);
		break;
	}
	return effect;
}

/* Of anonymous memory nothing but the lack of memory comes so late. */
static bool fixed_may_have_unmapped(const struct memory_event *event)
{
	uint64_t flags = event->args[3];

	if (!(flags & FLAG_MAP_FIXED) || (flags & FLAG_MAP_FIXED_NOREPLACE))
		return false;
	if (flags & FLAG_MAP_ANONYMOUS)
		return event->result == -ENOMEM;
	return event->result != -EBADF && event->result != -EEXIST && event->result != -EINTR &&
	       event->result != -EOVERFLOW;
}

static void failed_mremap_reach(const struct memory_event *event, struct memory_effect *effect)
{
	uint64_t old_length = event->args[1], new_length = event->args[2], flags = event->args[3];

	/* An old size of 0 duplicates. */
	if (!(flags & FLAG_MREMAP_FIXED) || event->result == -EINTR || event->args[0] % RECORD_PAGE_BYTES)
		return;
	set_range(event->args[4], new_length, &effect->removed2_start, &effect->removed2_end);
	if (effect->removed2_start < effect->removed2_end && !(flags & FLAG_MREMAP_DONTUNMAP))
		set_range(event->args[0], old_length, &effect->removed_start, &effect->removed_end);
}

static bool protect_may_have_acted(int64_t result)
{
	return result == -ENOMEM || result == -EACCES || result == -EPERM;
}

struct memory_effect memory_event_reach(const struct memory_event *event)
{
	struct memory_effect effect = memory_event_effect(event);

	if (!memory_event_failed(event))
		return effect;
	switch (event->kind) {
	case MEMORY_MMAP:
		if (fixed_may_have_unmapped(event))
			set_range_of(event->args[0], event->args[1], memory_page_bytes(event->args[3]),
				     &effect.removed_start, &effect.removed_end);
		break;
	case MEMORY_MREMAP:
		failed_mremap_reach(event, &effect);
		break;
	case MEMORY_MPROTECT:
	case MEMORY_PKEY_MPROTECT:
		if (protect_may_have_acted(event->result))
			set_range(event->args[0], event->args[1], &effect.touched_start, &effect.touched_end);
		break;
	case MEMORY_MADVISE:
		if (event->result != -EBADF && advice_discards(event->args[2]))
			set_range(event->args[0], event->args[1], &effect.touched_start, &effect.touched_end);
		break;
	default:
		break;
	}
	return effect;
}

static bool ranges_overlap(uint64_t start, uint64_t end, uint64_t other_start, uint64_t other_end)
{
	return start < end && other_start < other_end && start < other_end && other_start < end;
}

bool memory_effect_overlaps(const struct memory_effect *effect, uint64_t start, uint64_t end)
{
	return ranges_overlap(effect->removed_start, effect->removed_end, start, end) ||
	       ranges_overlap(effect->removed2_start, effect->removed2_end, start, end) ||
	       ranges_overlap(effect->added_start, effect->added_end, start, end) ||
	       ranges_overlap(effect->touched_start, effect->touched_end, start, end);
}

void memory_event_named(const struct memory_event *event, uint64_t *ret_start, uint64_t *ret_end)
{
	*ret_start = *ret_end = 0;
	set_range(event->args[0], event->args[1], ret_start, ret_end);
}
