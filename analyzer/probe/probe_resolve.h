/* SPDX-License-Identifier: MIT */
/* From a --probe to planned functions. */
#ifndef ANALYZER_PROBE_RESOLVE_H
#define ANALYZER_PROBE_RESOLVE_H

#include "analyzer/probe/probe_plan.h"
#include "analyzer/probe/probe_space.h"
#include "common/error.h"

/* Reads `text` (probe_spec.h) and plans what it means, in every file that its library can be. ERROR_INVALID: it makes
 * no sense, or means several functions; ERROR_NOT_FOUND: no such library, function or static probe, with what is near.
 */
struct error *probe_resolve(struct probe_plan *plan, struct probe_space *space, const char *text) must_check;

#endif
