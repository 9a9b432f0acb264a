/* SPDX-License-Identifier: MIT */
/*
 * What the ends of bad pointers share: recorded calls that discarded or replaced the memory which the pointer was
 * loaded from, or may have been. The pointer is bad either way, but it may be the effect of that call. Pure.
 */
#ifndef ANALYZER_EVIDENCE_LOST_H
#define ANALYZER_EVIDENCE_LOST_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* Lowers to `likely`, with the call, where a null pointer was loaded from memory that was emptied, and nothing around
 * it shows that it was used since (a null pointer between other data is the program's own); where any pointer was
 * loaded from a mapping that took another's place, and nothing tells that the way there is younger; and where a null
 * pointer's memory is not known, and an emptied page lies at hand. What the allocator and the dynamic linker do for
 * themselves does not count. */
struct error *evidence_weigh_lost(const struct crash *crash, struct finding *finding) must_check;

#endif
