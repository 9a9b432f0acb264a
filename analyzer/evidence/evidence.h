/* SPDX-License-Identifier: MIT */
/*
 * What ends and causes share: the fault, the thread that died and a recorded call, each in one wording, and the life
 * that ended at the fault address. Pure.
 */
#ifndef ANALYZER_EVIDENCE_H
#define ANALYZER_EVIDENCE_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* The last recorded life of the page that faulted, when it had ended and nothing speaks for the page being mapped then:
 * what a signal handler mapped there after the fault is no part of it. NULL when there is no fault, no history, or the
 * page never was mapped. */
const struct life *evidence_ended_life(const struct crash *crash);

/* True when nothing tells the callers of two biography events apart: they lie in the same module, or, where that is not
 * known, made them in the same thread. */
bool evidence_same_party(const struct biography *biography, size_t first, size_t second);

/* Adds the call of biography event `index`: what it was, by whom, when, between which markers. */
struct error *evidence_add_call(const struct crash *crash, const struct biography *biography, struct finding *finding,
				size_t index, const char *what) must_check;

/* Adds the fault itself. */
struct error *evidence_add_fault(const struct crash *crash, struct finding *finding) must_check;

/* Thread id of the one that died, as the host sees it where that was recorded. */
uint32_t evidence_dead_thread(const struct crash *crash);

#endif
