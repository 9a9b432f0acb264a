/* SPDX-License-Identifier: MIT */
/* How hazards are added. Nothing outside analyzer/probe/probe_safety*.c includes this. */
#ifndef ANALYZER_PROBE_SAFETY_INTERNAL_H
#define ANALYZER_PROBE_SAFETY_INTERNAL_H

#include "analyzer/probe/probe_safety.h"

/* Adds a hazard with the words for its kind, or one more piece of evidence to that of the same kind and file. `file`
 * may be NULL. */
struct error *probe_safety_add(struct probe_safety *safety, enum probe_hazard_kind kind, const char *file,
			       const char *evidence, ...) __attribute__((format(printf, 4, 5))) must_check;

#endif
