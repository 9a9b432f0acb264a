/* SPDX-License-Identifier: MIT */
/*
 * Links from the end to a page that is still mapped: it refused the access, or the failing pointer was loaded from it.
 * Pure.
 */
#ifndef ANALYZER_LINK_PAGE_H
#define ANALYZER_LINK_PAGE_H

#include "analyzer/crash.h"
#include "analyzer/link.h"

/* The access of the end hit a mapping that does not allow it. */
extern const struct link_kind link_refused_access;

/* Appends link_refused_access with the fault and the core's mapping as evidence. `life` is the recorded mapping; NULL
 * for none, and then the core has it (crash->facts.mapping.known). */
struct error *link_append_refused_access(const struct crash *crash, struct finding *finding,
					 const struct life *life) must_check;

/* The failing pointer was loaded from a word of memory (VIEW_SOURCE). */
extern const struct link_kind link_pointer_from_page;

/* Appends link_pointer_from_page with the fault, the faulting frame and the word as evidence. */
struct error *link_append_pointer_from_page(const struct crash *crash, struct finding *finding,
					    const struct memory_view *view) must_check;

/* The fault, where its address is known, and the faulting frame, as evidence of the last link. */
struct error *link_add_end(const struct crash *crash, struct finding *finding) must_check;

#endif
