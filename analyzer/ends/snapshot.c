/* SPDX-License-Identifier: MIT */
/*
 * snapshot: the core is of a process that lived on: a debugger or a tool like gcore wrote it, and nothing had ended the
 * process.
 *
 * What is seen: the core names no signal, or one for which the kernel writes no core (SIGSTOP, SIGINT), or a trap that
 * is a debugger's own in a core that the kernel did not write (snapshot.h).
 *
 * What it could be mistaken for: a debugger that holds a process at a fault or at abort() writes the core of that
 * crash, and the other classes explain it; a breakpoint in the program's text is the program's own; a real core of
 * SIGQUIT or SIGTRAP. A tool that a program runs in its own handler for a fault may name no signal either: `possible`,
 * and the fault is explained.
 */
#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"

static struct error *set_summary(const struct crash *crash, struct finding *finding)
{
	struct words signal, code;

	switch (crash->core.snapshot) {
	case SNAPSHOT_NO_SIGNAL:
		return finding_set_summary(
			finding, "Snapshot of a live process: the core has no signal (written by gcore or the "
				 "like).");
	case SNAPSHOT_STOPPED:
		return finding_set_summary(finding,
					   "Snapshot of a live process: a debugger (gcore or the like) held it at %s, "
					   "for which the kernel "
					   "writes no core.",
					   words_signal(&signal, crash->facts.signal.number));
	default:
		return finding_set_summary(
			finding,
			"Snapshot of a live process: a debugger had stopped it at a breakpoint or step (SIGTRAP, %s).",
			words_signal_origin(&code, &crash->facts.signal));
	}
}

struct error *end_snapshot(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct error *err;

	if (!crash->core.snapshot)
		return NULL;
	err = finding_append(findings, FINDING_SNAPSHOT, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = set_summary(crash, finding)
		      ?: finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, crash->facts.registers[CORE_RIP],
					      "NT_PRSTATUS has the signal %d; NT_SIGINFO %s",
					      crash->core.image ? crash->core.image->threads[0].signal
								: crash->facts.signal.number,
					      crash->facts.signal.only_number ? "is missing" : "has a stop, no death");
	if (!err && crash->core.snapshot == SNAPSHOT_NO_SIGNAL) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_missing(
			finding, "who wrote the core: a tool that dumps a crashed process may leave the signal "
				 "out");
	}
	if (!err && crash->facts.fault.in_handler) {
		struct words signal;

		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "the thread is in a handler for %s",
					  words_signal(&signal, crash->facts.fault.signal.number));
	}
	return err ?: finding_set_next_step(finding, "see what each thread was doing: corelate stack");
}
