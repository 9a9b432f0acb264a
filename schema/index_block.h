/* SPDX-License-Identifier: MIT */
/*
 * Block summaries: which ranges of which spaces 1024 consecutive rows concern. Not for other modules.
 */
#ifndef SCHEMA_INDEX_BLOCK_H
#define SCHEMA_INDEX_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/record_call.h"
#include "schema/record_memory.h"

#define BLOCK_EVENTS 1024
/* About 15 bits an event: mostly under 5 % false matches when no two ranges of a block are alike, and two rows of
 * event_block still fit on a page. */
#define BLOCK_FILTER_BYTES 1920

struct block_event {
	int64_t space_id;
	uint64_t enter_ns;
};

/* Finest granule of the filters: a page for memory events, the alignment of malloc for heap calls. */
#define BLOCK_PAGE_SHIFT 12
#define BLOCK_HEAP_SHIFT 4

/* The block that is being filled. */
struct block {
	unsigned int granule_shift;
	int64_t first_event_id;
	int64_t last_event_id;
	uint64_t low, high; /* over all effects; equal when there is none */
	uint32_t levels;
	uint32_t count;
	struct block_event events[BLOCK_EVENTS];
	uint8_t filter[BLOCK_FILTER_BYTES];
};

/* Takes in the event by its row's id, which must follow that of the one before. Store its summary and init the block
 * when it holds BLOCK_EVENTS. */
void block_add(struct block *block, int64_t id, const struct memory_event *event);
void block_init(struct block *block, unsigned int granule_shift);
/* The same in two steps, for other events: the event, then each of its ranges. */
void block_add_event(struct block *block, int64_t id, int64_t space_id, uint64_t enter_ns);
void block_add_range(struct block *block, int64_t space_id, uint64_t start, uint64_t end);

/* What is stored of a block: a row of event_block or heap_block. */
struct block_summary {
	int64_t last_event_id, first_event_id;
	uint64_t from_ns, to_ns; /* when its events began */
	uint64_t low, high;
	uint32_t levels;
	const uint8_t *filter; /* the block's */
	uint32_t filter_bytes;
};

/* And of a space that has events in it: a row of event_block_space. */
struct block_share {
	int64_t space_id, last_event_id;
	uint32_t events;
	uint64_t from_ns, to_ns;
};

/* Of a block that holds at least one event. */
void block_summarise(const struct block *block, struct block_summary *ret);

/* Space by space: *at is 0 for the first. False after the last. Sorts block->events. */
bool block_next_share(struct block *block, uint32_t *at, struct block_share *ret);

/* False when no effect in the block of that filter can overlap [start, end) in that space. */
bool block_may_match(const uint8_t *filter, unsigned int granule_shift, uint32_t levels, int64_t space_id,
		     uint64_t start, uint64_t end);

/* What the call concerns: the block that it was given, and the one that it handed out. Empty for none. A free names an
 * address: one byte. */
void store_heap_ranges(const struct heap_event *event, uint64_t ret_old[2], uint64_t ret_new[2]);

#endif
