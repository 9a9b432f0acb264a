/* SPDX-License-Identifier: MIT */
/*
 * What the detectors of bad pointers share: recorded calls that took the contents of the memory away which the pointer
 * was read from, or may have been. Such a pointer is bad for all to see, but it may be the effect of that call. Pure.
 */
#ifndef ANALYZER_EVIDENCE_LOST_H
#define ANALYZER_EVIDENCE_LOST_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* Lowers to `likely`, with the call, where a null pointer was read from memory that was emptied, mapped over or mapped
 * anew, and nothing around it shows that it was used since; or where that is not known, and such a page lies at hand.
 * What the allocator and the dynamic linker do for themselves does not count, nor what was written to since: a null
 * pointer between other data is the program's own. */
struct error *evidence_weigh_lost(const struct crash *crash, struct finding *finding) must_check;

#endif
