/* SPDX-License-Identifier: MIT */
/* What the causes of the heap share: evidence in one wording, nodes of links, and the alternatives of any of them.
 * Pure. */
#ifndef ANALYZER_EVIDENCE_HEAP_H
#define ANALYZER_EVIDENCE_HEAP_H

#include "analyzer/crash.h"
#include "analyzer/facts/heap_sign.h"
#include "analyzer/finding.h"
#include "analyzer/link.h"
#include "analyzer/words.h"

/* The dying call's event in the subject HEAP_SUBJECT_GIVEN, or SIZE_MAX. */
size_t evidence_heap_dying(const struct crash *crash, const struct heap_subject *given);

/* "libwalker.so walker_step+0x12 (walker.c:31)": who wanted the subject's call number `event`. */
const char *words_heap_caller(struct words *words, const struct heap_subject *subject, size_t event);

/* "the 100-byte block at 0x…", "the 1.0 MiB block at 0x…", "the block at 0x…" where its birth was not seen. */
const char *words_heap_block(struct words *words, const struct heap_life *life);

/* "free(0x…)", "malloc(100) = 0x…": the call as its caller wrote it. */
const char *words_heap_call(struct words *words, const struct heap_event *event);

/* The program's innermost frame of the crashed thread: "victim drop+0x9 (df.c:4)", or "" without stacks. */
const char *words_crash_site(struct words *words, const struct crash *crash);

/* Adds the subject's call number `event`, with its callers. HEAP_UNSEEN and HEAP_ALIVE add nothing. */
struct error *evidence_add_heap_call(const struct crash *crash, struct finding *finding,
				     const struct heap_subject *subject, size_t event, const char *what) must_check;

/* Adds what the allocator wrote when it aborted. */
struct error *evidence_add_abort_message(const struct crash *crash, struct finding *finding) must_check;

/* Adds where the crashed thread was: its innermost frame outside libraries. */
struct error *evidence_add_crash_site(const struct crash *crash, struct finding *finding, const char *what) must_check;

/* The subject's call number `event`, the block of a life, and the program's innermost frame of the crashed thread (id
 * -1 without stacks), as nodes. */
struct node link_heap_node(const struct heap_subject *subject, size_t event);
struct node link_block_node(const struct heap_subject *subject, const struct heap_life *life);
struct node link_site_node(const struct crash *crash);

/* Rules out the last link's alternative `name`, or leaves it open with what is missing, by whether every allocator call
 * from `from_ns` to the death was recorded; as likely where a forked child's first calls were not (but for a block that
 * the allocator itself found on a list of free ones). */
struct error *link_examine_heap_record(const struct crash *crash, struct finding *finding, const char *name,
				       uint64_t from_ns, const char *consequence) must_check;

/* The pointer's own life: an earlier recorded life that held `address` too and was freed by other code than `last` was
 * (by the return address of the free). The pointer may be of that life. NULL for none: then they all agree. */
const struct heap_life *evidence_other_life(const struct heap_subject *subject, const struct heap_life *last,
					    uint64_t address);

/* The program's code that made the subject's recorded call number `event`; nobody where only a library is known. A
 * suspect only where the recorded stack is partly a guess. */
struct error *evidence_accuse_heap_caller(struct finding *finding, const struct heap_subject *subject,
					  size_t event) must_check;

/* The crashed thread's innermost frame of the program, for an act that this frame was seen doing; or as a suspect. */
struct error *evidence_accuse_crash_site(const struct crash *crash, struct finding *finding) must_check;
struct error *evidence_suspect_crash_site(const struct crash *crash, struct finding *finding) must_check;

/* True when the call that ended the mapping's life was the allocator's, carrying out a free or a realloc: its stack, or
 * the record of heap calls, says so. */
bool evidence_unmapped_by_free(const struct crash *crash, const struct life *life);

/* True when the signal's fault address lies in no mapping of the dead process, as far as is known. */
bool evidence_fault_unmapped(const struct crash *crash);

/* The fault is in the allocator's own code, at work on what it was given to free or to resize: a bad pointer there is
 * no pointer of the program's that this code dereferences. */
bool evidence_heap_fault_inside(const struct crash *crash);

#endif
