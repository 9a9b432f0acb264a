/* SPDX-License-Identifier: MIT */
/* What causes of overwritten stacks share: where, and with what. Pure. */
#ifndef ANALYZER_EVIDENCE_STACK_H
#define ANALYZER_EVIDENCE_STACK_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* Adds where the stack is corrupted and with what, and the frame pointer where it too is text or no address. Nothing
 * where nothing shows it. */
struct error *evidence_add_corruption(const struct crash *crash, struct finding *finding) must_check;

#endif
