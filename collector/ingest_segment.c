/* SPDX-License-Identifier: MIT */
/*
 * Which segments of shared memory (shmat) an address space has attached where. The kernel side tells the size of what
 * shmdt takes away by the mapping at its address; when that is not the segment's any more, or could not be looked at,
 * the size is that of the attach.
 */
#include <stdlib.h>

#include "collector/ingest_internal.h"
#include "common/vector.h"
#include "replay/effect.h"
#include "schema/record_memory.h"

/* A process that attaches more at different places is followed no further. */
#define SEGMENTS_MAX 4096

static struct attached_segment *find(const struct tenant *tenant, uint64_t address)
{
	for (size_t i = 0; i < tenant->segment_count; i++)
		if (tenant->segments[i].address == address)
			return &tenant->segments[i];
	return NULL;
}

static struct error *attach(struct tenant *owner, uint64_t address, uint64_t bytes)
{
	struct attached_segment *segment = find(owner, address);

	if (segment) {
		segment->bytes = bytes;
		return NULL;
	}
	if (owner->segment_count == SEGMENTS_MAX)
		return NULL;
	return array_push(owner->segments, owner->segment_count, (struct attached_segment){address, bytes});
}

static void detach(struct tenant *owner, uint64_t address, uint64_t *bytes)
{
	struct attached_segment *segment = find(owner, address);

	if (!segment)
		return;
	if (!*bytes)
		*bytes = segment->bytes;
	*segment = owner->segments[--owner->segment_count];
}

struct error *ingest_follow_segments(struct tenant *owner, struct memory_event *event)
{
	if (memory_event_failed(event))
		return NULL;
	if (event->kind == MEMORY_SHMAT && event->args[3])
		return attach(owner, (uint64_t)event->result, event->args[3]);
	if (event->kind == MEMORY_SHMDT)
		detach(owner, event->args[0], &event->args[1]);
	return NULL;
}

struct error *ingest_copy_segments(struct tenant *child, const struct tenant *parent)
{
	struct error *err = NULL;

	for (size_t i = 0; i < parent->segment_count && !err; i++)
		err = attach(child, parent->segments[i].address, parent->segments[i].bytes);
	return err;
}

void ingest_forget_segments(struct tenant *tenant)
{
	free(tenant->segments);
	tenant->segments = NULL;
	tenant->segment_count = 0;
}
