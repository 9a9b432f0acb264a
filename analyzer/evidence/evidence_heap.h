/* SPDX-License-Identifier: MIT */
/*
 * What detectors of the heap share: evidence in one wording, and the doubts that
 * weigh on any of them. Pure.
 */
#ifndef ANALYZER_EVIDENCE_HEAP_H
#define ANALYZER_EVIDENCE_HEAP_H

#include "analyzer/crash.h"
#include "analyzer/facts/heap_sign.h"
#include "analyzer/finding.h"
#include "analyzer/words.h"

/* The dying call's event in the subject HEAP_SUBJECT_GIVEN, or SIZE_MAX. */
size_t evidence_heap_dying(const struct crash *crash, const struct heap_subject *given);

/* "libwalker.so walker_step+0x12 (walker.c:31)": who wanted the subject's call number `event`. */
const char *words_heap_caller(struct words *words, const struct heap_subject *subject, size_t event);

/* "the block of 100 bytes at 0x…", "the block at 0x…" where its birth was not seen. */
const char *words_heap_block(struct words *words, const struct heap_life *life);

/* "free(0x…)", "malloc(100) = 0x…": the call as its caller wrote it. */
const char *words_heap_call(struct words *words, const struct heap_event *event);

/* The program's innermost frame of the crashed thread: "victim drop+0x9 (df.c:4)", or "" without stacks. */
const char *words_crash_site(struct words *words, const struct crash *crash);

/* Adds the subject's call number `event`, with its callers. HEAP_UNSEEN and HEAP_ALIVE add nothing. */
struct error *evidence_add_heap_call(const struct crash *crash, struct finding *finding,
				     const struct heap_subject *subject, size_t event, const char *what) must_check;

/* Adds the allocator's last words. */
struct error *evidence_add_abort_message(const struct crash *crash, struct finding *finding) must_check;

/* Adds where the crashed thread was: its innermost frame outside libraries. */
struct error *evidence_add_crash_site(const struct crash *crash, struct finding *finding, const char *what) must_check;

/* Lowers a finding to `likely`, with the reason, where calls between `from_ns` and the crash may not have been seen. */
struct error *evidence_heap_weigh(const struct crash *crash, struct finding *finding,
				  const struct heap_subject *subject, uint64_t from_ns,
				  const char *consequence) must_check;

/* Sets the offender to who made the subject's call number `event`, when that is known. */
struct error *evidence_heap_blame(struct finding *finding, const struct heap_subject *subject, size_t event) must_check;

/* Sets the offender to the crashed thread's innermost frame of the program. */
struct error *evidence_blame_crash_site(const struct crash *crash, struct finding *finding) must_check;

/* True when the call that ended the mapping's life was the allocator's, carrying out a free or a realloc: its stack, or
 * the record of heap calls, says so. */
bool evidence_unmapped_by_free(const struct crash *crash, const struct life *life);

void evidence_lower(struct finding *finding, enum finding_confidence most);

/* True when the signal's fault address lies in no mapping of the dead process, as far as is known. */
bool evidence_fault_unmapped(const struct crash *crash);

/* The fault is in the allocator's own code, at work on what it was given to free or to resize: a bad pointer there is
 * no pointer of the program's that this code dereferences. */
bool evidence_heap_fault_inside(const struct crash *crash);

#endif
