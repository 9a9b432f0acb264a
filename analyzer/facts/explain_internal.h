/* SPDX-License-Identifier: MIT */
/* The parts of explain.c: each fills its part of a crash. Not for others. */
#ifndef ANALYZER_EXPLAIN_INTERNAL_H
#define ANALYZER_EXPLAIN_INTERNAL_H

#include "analyzer/facts/explain.h"
#include "schema/store.h"

/* Events near the fault whose caller and markers are looked up: the newest ones. */
#define EXPLAIN_CONTEXT_LIMIT 64

/* explain_lives.c: the events of a range in the order in which they took effect, and their replay, which points into
 * *ret_events; the caller frees both. */
struct error *explain_read_lives(struct store_reader *store, const struct history_query *query,
				 struct memory_event **ret_events, size_t *ret_count, bool *ret_truncated,
				 struct timeline *ret_timeline) must_check;

/* explain_history.c: the recorded life of an address, and for its events the nearest markers and files. */
struct error *explain_load_biography(struct store_reader *store, struct crash *crash, uint64_t address) must_check;
struct error *explain_load_contexts(struct store_reader *store, struct crash *crash) must_check;

/* explain_pointers.c: the recorded ends of what registers and the top of the stack point to. After the biography. */
struct error *explain_load_pointers(struct store_reader *store, struct crash *crash) must_check;

/* explain_path.c: where the failing pointer came from. After the stacks. */
void explain_find_path(struct crash *crash);

/* explain_overrun.c: whether the failing value was taken from an overwritten stack, and in whose frame. After the path.
 */
struct error *explain_find_overrun(struct crash *crash) must_check;

/* explain_views.c: the lives of what the faulting pointer was read from, and of code that is no file's. */
struct error *explain_take_views(struct store_reader *store, struct crash *crash) must_check;

/* explain_mapping.c: PROT_* of a segment of the core. */
int explain_protection(const struct core_segment *segment);
/* The mapping at the fault's address; the file that was mapped where the biography's last life
 * ended.
 */
struct error *explain_take_mapping(struct crash *crash) must_check;
struct error *explain_take_unloaded(struct store_reader *store, struct crash *crash) must_check;
/* From the core alone: the library that was mapped at the fault's address, by what glibc's free left of it. */
struct error *explain_take_remains(struct crash *crash) must_check;
struct error *explain_take_file_losses(struct store_reader *store, struct crash *crash) must_check;

/* explain_events.c: the stacks and so the callers of the biography's events. After the stacks of the core. */
struct error *explain_event_stacks(struct store_reader *store, struct crash *crash) must_check;

/* explain_chronicle.c: the calls that the record tells of an address. */
struct error *explain_load_chronicle(struct store_reader *store, struct crash *crash, uint64_t address) must_check;

/* explain_stacks.c: the stacks, repaired; the way of an exception. */
struct error *explain_unwind(const struct explain_request *request, struct crash *crash) must_check;
void explain_follow_exception(struct crash *crash);

/* explain_stack_use.c: the signal frames on the crashed thread's stack, and the stacks it stood on. */
void explain_find_stack_uses(struct crash *crash);

/* explain_heap_record.c: the heap's part, when the stacks are there. */
struct error *explain_heap(const struct explain_request *request, struct crash *crash) must_check;

/* explain_go.c: the frames of a goroutine whose stack may not grow any more, after those of the runtime. */
struct error *explain_follow_goroutine(struct crash *crash) must_check;

/* explain_ending.c: what the runtime that ended the process had to say. */
void explain_find_ending(struct crash *crash);

#endif
