/* SPDX-License-Identifier: MIT */
#include "schema/record.h"

/* A recorded number may be a lie. No architecture gives a process addresses of more than 57 bits, so that a start or a
 * length beyond this bound is not memory; below it no sum of a start and a rounded length can overflow, neither here
 * nor in the signed arithmetic of the view v_effect, which repeats these rules in SQL. */
#define RANGE_LIMIT (1ULL << 62)

/* The kernel's numbers; the headers of the C library hide the newer ones. */
#define FLAG_MAP_FIXED 0x10ULL
#define FLAG_MAP_HUGETLB 0x40000ULL
#define FLAG_MAP_FIXED_NOREPLACE 0x100000ULL
#define MAP_HUGE_SHIFT 26
#define MAP_HUGE_MASK 0x3fULL
#define HUGE_PAGE_SHIFT_DEFAULT 21 /* x86-64: 2 MiB */
#define HUGE_PAGE_SHIFT_MAX 40
#define FLAG_MREMAP_FIXED 2ULL
#define FLAG_MREMAP_DONTUNMAP 4ULL
#define FLAG_SHM_REMAP 040000ULL

static uint64_t align_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) & ~(unit - 1);
}

static uint64_t page_up(uint64_t value)
{
	return align_up(value, RECORD_PAGE_BYTES);
}

/* Leaves the range empty when no kernel would have accepted these numbers. `unit_bytes` is the page size by which the
 * length rounds up. */
static void set_range_of(uint64_t start, uint64_t length, uint64_t unit_bytes, uint64_t *ret_start, uint64_t *ret_end)
{
	if (start % RECORD_PAGE_BYTES != 0 || start >= RANGE_LIMIT || length == 0 || length > RANGE_LIMIT)
		return;
	*ret_start = start;
	*ret_end = start + align_up(length, unit_bytes);
}

static void set_range(uint64_t start, uint64_t length, uint64_t *ret_start, uint64_t *ret_end)
{
	set_range_of(start, length, RECORD_PAGE_BYTES, ret_start, ret_end);
}

/* Calls that return an address fail with a negative errno; addresses of the upper half are none of them. */
static bool is_error_result(int64_t result)
{
	return result < 0 && result >= -4095;
}

static bool advice_discards(uint64_t advice)
{
	switch (advice) {
	case 4:	  /* MADV_DONTNEED */
	case 8:	  /* MADV_FREE */
	case 9:	  /* MADV_REMOVE */
	case 24:  /* MADV_DONTNEED_LOCKED */
	case 102: /* MADV_GUARD_INSTALL */
	case 103: /* MADV_GUARD_REMOVE */
		return true;
	default:
		return false;
	}
}

/* ksys_mmap_pgoff() rounds an anonymous huge mapping up to its huge page, whose size the flags may name. A mapping of a
 * hugetlbfs file rounds likewise, but its page size is not in the record. */
static uint64_t mmap_unit_bytes(uint64_t flags)
{
	uint64_t shift = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

	if (!(flags & FLAG_MAP_HUGETLB))
		return RECORD_PAGE_BYTES;
	if (shift < 12 || shift > HUGE_PAGE_SHIFT_MAX)
		shift = HUGE_PAGE_SHIFT_DEFAULT;
	return 1ULL << shift;
}

static void mmap_effect(const struct memory_event *event, struct memory_effect *effect)
{
	uint64_t flags = event->args[3];

	if (is_error_result(event->result))
		return;
	set_range_of((uint64_t)event->result, event->args[1], mmap_unit_bytes(flags), &effect->added_start,
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

	if (is_error_result(event->result) || old_length > RANGE_LIMIT || new_length > RANGE_LIMIT)
		return;
	old_length = page_up(old_length);
	new_length = page_up(new_length);

	if (old_length != 0 && !(flags & FLAG_MREMAP_DONTUNMAP) && new_start == old_start) {
		/* In place: only the tail comes or goes. */
		if (new_length < old_length && old_start < RANGE_LIMIT)
			set_range(old_start + new_length, old_length - new_length, &effect->removed_start,
				  &effect->removed_end);
		else if (new_length > old_length && old_start < RANGE_LIMIT)
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

	if (old_end > RANGE_LIMIT || new_end > RANGE_LIMIT)
		return;
	old_end = page_up(old_end);
	new_end = page_up(new_end);
	if (new_end > old_end)
		set_range(old_end, new_end - old_end, &effect->added_start, &effect->added_end);
	else
		set_range(new_end, old_end - new_end, &effect->removed_start, &effect->removed_end);
}

static void shmat_effect(const struct memory_event *event, struct memory_effect *effect)
{
	if (is_error_result(event->result))
		return;
	set_range((uint64_t)event->result, event->args[3], &effect->added_start, &effect->added_end);
	if (event->args[2] & FLAG_SHM_REMAP) {
		effect->removed_start = effect->added_start;
		effect->removed_end = effect->added_end;
	}
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
		if (returned_zero && advice_discards(event->args[2]))
			set_range(event->args[0], event->args[1], &effect.touched_start, &effect.touched_end);
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

const char *memory_kind_name(enum memory_kind kind)
{
	switch (kind) {
	case MEMORY_SEEN:
		return "seen";
	case MEMORY_MMAP:
		return "mmap";
	case MEMORY_MUNMAP:
		return "munmap";
	case MEMORY_MREMAP:
		return "mremap";
	case MEMORY_MPROTECT:
		return "mprotect";
	case MEMORY_PKEY_MPROTECT:
		return "pkey_mprotect";
	case MEMORY_MADVISE:
		return "madvise";
	case MEMORY_BRK:
		return "brk";
	case MEMORY_SHMAT:
		return "shmat";
	case MEMORY_SHMDT:
		return "shmdt";
	}
	return "unknown";
}

const char *gap_cause_name(enum gap_cause cause)
{
	switch (cause) {
	case GAP_RING_FULL:
		return "ring buffer full";
	case GAP_QUEUE_FULL:
		return "recorder's queue full";
	case GAP_QUOTA:
		return "size limit of the store reached";
	case GAP_DATABASE:
		return "database error";
	case GAP_MISSED:
		return "program not run by the kernel";
	case GAP_KERNEL_STATE:
		return "no room for state in the kernel";
	case GAP_UNCLEAN_END:
		return "recorder ended uncleanly";
	}
	return "unknown";
}

bool marker_has_number(const struct marker *marker)
{
	return marker->option == 3 || (marker->option == 4 && marker->result < 0);
}

enum probe_held attached_probe_held(const struct attached_probe *probe, uint64_t time_ns)
{
	uint64_t begin_ns = probe->attached_ns ? probe->attached_ns : probe->first_seen_ns;

	if (probe->attached_ns && time_ns < probe->attached_ns)
		return PROBE_NOT_HELD;
	if (probe->gone_ns && time_ns >= probe->gone_ns && probe->gone_ns > probe->last_seen_ns)
		return PROBE_NOT_HELD;
	/* Its holder's end was seen: its descriptors are closed just after that moment. */
	if (probe->gone_ns && time_ns > probe->gone_ns)
		return PROBE_NOT_HELD;
	return time_ns >= begin_ns && time_ns <= probe->last_seen_ns ? PROBE_HELD : PROBE_MAYBE_HELD;
}

const char *truncation_how_name(enum truncation_how how)
{
	switch (how) {
	case TRUNCATION_OPEN:
		return "open with O_TRUNC";
	case TRUNCATION_FD:
		return "ftruncate";
	case TRUNCATION_PATH:
		return "truncate";
	case TRUNCATION_PUNCH:
		return "fallocate, which emptied a range";
	case TRUNCATION_COLLAPSE:
		return "fallocate, which took a range out";
	}
	return "unknown";
}
