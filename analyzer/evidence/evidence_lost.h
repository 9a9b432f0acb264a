/* SPDX-License-Identifier: MIT */
/*
 * What the ends of bad pointers share: where the trail of the pointer is lost. An end says that the pointer was bad,
 * which is certain; why it was, is not its matter. Pure.
 */
#ifndef ANALYZER_EVIDENCE_LOST_H
#define ANALYZER_EVIDENCE_LOST_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* Sets lost_at and would_show of an end, and cites what it rests on: a recorded call that took the contents of the
 * memory away which the pointer was loaded from, or may have been; else the word, the call or the constant that it came
 * from. Such a call counts where a null pointer was read from memory that was emptied, and nothing around it shows that
 * it was used since (a null pointer between other data is the program's own); where any pointer was read from a mapping
 * that took another's place, and nothing shows that the way there is younger; and where a null pointer's memory is not
 * known, and an emptied page lies at hand. What the allocator and the dynamic linker do for themselves does not count.
 * Nothing is set where the code trail (facts/blame.h) knows more. */
struct error *evidence_set_lost(const struct crash *crash, struct finding *finding) must_check;

#endif
