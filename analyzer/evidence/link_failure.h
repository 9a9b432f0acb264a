/* SPDX-License-Identifier: MIT */
/* Links to recorded calls for memory that failed. Pure. */
#ifndef ANALYZER_LINK_FAILURE_H
#define ANALYZER_LINK_FAILURE_H

#include "analyzer/crash.h"
#include "analyzer/link.h"
#include "analyzer/words.h"

/* Appends a link of `kind`, inferred, to failed call `index` of crash->facts.failed_calls, with the call as evidence.
 */
struct error *link_append_failure(const struct crash *crash, struct finding *finding, const struct link_kind *kind,
				  size_t index) must_check;

/* "mmap(NULL, 1.0 TiB) = -1 ENOMEM" */
const char *words_failed_call(struct words *words, const struct memory_event *event);

#endif
