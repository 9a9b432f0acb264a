/* SPDX-License-Identifier: MIT */
/*
 * What all detectors share: the fault and the thread that died, in one wording, and doubts; and what those of mappings
 * do: the life that ended at the fault address, its calls, and what weighs on any finding about it. Pure.
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

/* Lowers a finding to `likely`, with the reason, where something between `from_ns` and the crash was not recorded,
 * where no core shows that the page is unmapped, and where the signal's address cannot be trusted. `consequence` says
 * what may have happened unseen. */
struct error *evidence_weigh(const struct crash *crash, struct finding *finding, uint64_t from_ns,
			     const char *consequence) must_check;

/* Lowers to `likely` and adds what speaks against the finding. */
struct error *evidence_doubt(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;

/* Thread id of the one that died, as the host sees it where that was recorded. */
uint32_t evidence_dead_thread(const struct crash *crash);

#endif
