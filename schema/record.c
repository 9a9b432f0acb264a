/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "schema/record_call.h"
#include "schema/record_death.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"
#include "schema/record_memory.h"
#include "schema/record_probe.h"
#include "schema/record_recording.h"
#include "schema/record_stack.h"

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

void recording_deinit(struct recording *recording)
{
	free(recording->kernel_release);
	free(recording->filter);
	free(recording->corelate_version);
	recording->kernel_release = recording->filter = recording->corelate_version = NULL;
}

void file_identity_deinit(struct file_identity *file)
{
	free(file->path);
	file->path = NULL;
}

void signal_event_deinit(struct signal_event *signal)
{
	free(signal->directory);
	signal->directory = NULL;
}

void marker_deinit(struct marker *marker)
{
	free(marker->text);
	marker->text = NULL;
}

void markers_destroy(struct marker *markers, size_t count)
{
	if (!markers)
		return;
	for (size_t i = 0; i < count; i++)
		marker_deinit(&markers[i]);
	free(markers);
}

void attached_probe_deinit(struct attached_probe *probe)
{
	free(probe->path);
	free(probe->holder_cgroup);
	probe->path = probe->holder_cgroup = NULL;
}

void attached_probes_destroy(struct attached_probe *probes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		attached_probe_deinit(&probes[i]);
	free(probes);
}

void call_event_deinit(struct call_event *event)
{
	for (int i = 0; i < 6; i++) {
		free(event->texts[i]);
		event->texts[i] = NULL;
	}
}

void probed_function_deinit(struct probed_function *function)
{
	free(function->name);
	free(function->signature);
	free(function->hole);
	function->name = function->signature = function->hole = NULL;
}

void truncation_deinit(struct truncation *truncation)
{
	free(truncation->path);
	truncation->path = NULL;
}

void recorded_stack_deinit(struct recorded_stack *stack)
{
	free(stack->slice);
	stack->slice = NULL;
	stack->slice_bytes = 0;
}
