/* SPDX-License-Identifier: MIT */
/*
 * Summaries of runs: which ranges of which spaces 1024 consecutive rows of `event` or `heap` concern. The tables that
 * hold them are called event_block and heap_block; a block there is such a run, not a block of the heap. Not for other
 * modules.
 */
#ifndef SCHEMA_INDEX_RUN_H
#define SCHEMA_INDEX_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/record_call.h"
#include "schema/record_memory.h"

#define INDEX_RUN_ROWS 1024
/* About 15 bits an event: mostly under 5 % false matches when no two ranges of a run are alike, and two rows of
 * event_block still fit on a page. */
#define INDEX_RUN_FILTER_BYTES 1920

struct index_run_row {
	int64_t space_id;
	uint64_t enter_ns;
};

/* Finest granule of the filters: a page for memory events, the alignment of malloc for heap calls. */
#define INDEX_RUN_PAGE_SHIFT 12
#define INDEX_RUN_HEAP_SHIFT 4

/* The run that is being filled. */
struct index_run {
	unsigned int granule_shift;
	int64_t first_event_id;
	int64_t last_event_id;
	uint64_t low, high; /* over all effects; equal when there is none */
	uint32_t levels;
	uint32_t count;
	struct index_run_row events[INDEX_RUN_ROWS];
	uint8_t filter[INDEX_RUN_FILTER_BYTES];
};

/* Takes in the event by its row's id, which must follow that of the one before. Store its summary and init the run
 * when it holds INDEX_RUN_ROWS. */
void index_run_add(struct index_run *run, int64_t id, const struct memory_event *event);
void index_run_init(struct index_run *run, unsigned int granule_shift);
/* The same in two steps, for other events: the event, then each of its ranges. */
void index_run_add_event(struct index_run *run, int64_t id, int64_t space_id, uint64_t enter_ns);
void index_run_add_range(struct index_run *run, int64_t space_id, uint64_t start, uint64_t end);

/* What is stored of a run: a row of event_block or heap_block. */
struct index_run_summary {
	int64_t last_event_id, first_event_id;
	uint64_t from_ns, to_ns; /* when its events began */
	uint64_t low, high;
	uint32_t levels;
	const uint8_t *filter; /* the run's */
	uint32_t filter_bytes;
};

/* And of a space that has events in it: a row of event_block_space. */
struct index_run_share {
	int64_t space_id, last_event_id;
	uint32_t events;
	uint64_t from_ns, to_ns;
};

/* Of a run that holds at least one event. */
void index_run_summarise(const struct index_run *run, struct index_run_summary *ret);

/* Space by space: *at is 0 for the first. False after the last. Sorts run->events. */
bool index_run_next_share(struct index_run *run, uint32_t *at, struct index_run_share *ret);

/* False when no effect in the run of that filter can overlap [start, end) in that space. */
bool index_run_may_match(const uint8_t *filter, unsigned int granule_shift, uint32_t levels, int64_t space_id,
			 uint64_t start, uint64_t end);

/* What the call concerns: the block that it was given, and the one that it handed out. Empty for none. A free names an
 * address: one byte. */
void store_heap_ranges(const struct heap_event *event, uint64_t ret_old[2], uint64_t ret_new[2]);

#endif
