/* SPDX-License-Identifier: MIT */
/* The steps of assemble.c: each fills its part of a crash. Not for others. */
#ifndef ANALYZER_ASSEMBLE_STEPS_H
#define ANALYZER_ASSEMBLE_STEPS_H

#include "analyzer/assemble/assemble.h"
#include "schema/reader_history.h"
#include "schema/record_memory.h"

/* Events near the fault whose caller and markers are looked up: the newest ones. */
#define ASSEMBLE_CONTEXT_LIMIT 64

/* assemble_lives.c: the events of a range in the order in which they took effect, and their replay, which points into
 * *ret_events; the caller frees both. */
struct error *assemble_read_lives(struct store_reader *store, const struct history_query *query,
				  struct memory_event **ret_events, size_t *ret_count, bool *ret_truncated,
				  struct timeline *ret_timeline) must_check;

/* assemble_biography.c: the recorded life of an address, and for its events the nearest markers and files. */
struct error *assemble_load_biography(struct store_reader *store, struct crash *crash, uint64_t address) must_check;
struct error *assemble_load_contexts(struct store_reader *store, struct crash *crash) must_check;

/* assemble_places.c: the recorded ends of what registers and the top of the stack point to. After the biography. */
struct error *assemble_places(struct store_reader *store, struct crash *crash) must_check;

/* assemble_path.c: where the failing pointer came from. After the stacks. */
void assemble_find_path(struct crash *crash);

/* assemble_overrun.c: whether the failing value was taken from an overwritten stack, and in whose frame. After the
 * path.
 */
struct error *assemble_find_overrun(struct crash *crash) must_check;

/* assemble_views.c: the lives of what the faulting pointer was read from, and of code that is no file's. */
struct error *assemble_take_views(struct store_reader *store, struct crash *crash) must_check;

/* assemble_mapping.c: PROT_* of a segment of the core. */
int assemble_protection(const struct core_segment *segment);
/* The mapping at the fault's address; the file that was mapped where the biography's last life
 * ended.
 */
struct error *assemble_take_mapping(struct crash *crash) must_check;
struct error *assemble_take_unloaded(struct store_reader *store, struct crash *crash) must_check;
/* From the core alone: the library that was mapped at the fault's address, by what glibc's free left of it. */
struct error *assemble_take_remains(struct crash *crash) must_check;
struct error *assemble_take_file_losses(struct store_reader *store, struct crash *crash) must_check;

/* assemble_callers.c: the stacks and so the callers of the biography's events. After the stacks of the core. */
struct error *assemble_callers(struct store_reader *store, struct crash *crash) must_check;

/* assemble_chronicle.c: the calls that the record tells of an address. */
struct error *assemble_load_chronicle(struct store_reader *store, struct crash *crash, uint64_t address) must_check;

/* assemble_stacks.c: the stacks, repaired; the way of an exception. */
struct error *assemble_unwind(const struct assemble_request *request, struct crash *crash) must_check;
void assemble_follow_exception(struct crash *crash);

/* assemble_stack_uses.c: the signal frames on the crashed thread's stack, and the stacks it stood on. */
void assemble_find_stack_uses(struct crash *crash);

/* assemble_heap_record.c: the heap's part, when the stacks are there. */
struct error *assemble_heap(const struct assemble_request *request, struct crash *crash) must_check;

/* assemble_goroutine.c: the frames of a goroutine whose stack may not grow any more, after those of the runtime. */
struct error *assemble_follow_goroutine(struct crash *crash) must_check;

/* assemble_last_words.c: what the runtime that ended the process had to say. */
void assemble_last_words(struct crash *crash);

#endif
