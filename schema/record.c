/* SPDX-License-Identifier: MIT */
#include "schema/record.h"

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
	case GAP_FILTER:
		return "filter did not match yet";
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
