/* SPDX-License-Identifier: MIT */
/*
 * stray-breakpoint: the process ran into a breakpoint that somebody put into its text and nobody claimed.
 *
 * What is seen: SIGTRAP, the byte before the instruction pointer is a breakpoint in the dumped text, and the file of
 * the same build-id has another byte there. A debugger that was killed leaves one behind; so does a probe whose owner
 * went wrong.
 *
 * A breakpoint that the file has itself (int3 of a program, __builtin_debugtrap) is the program's own and not ours;
 * where the file could not be compared, this detector is silent.
 */
#include <inttypes.h>
#include <signal.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"

struct error *cause_stray_breakpoint(const struct crash *crash, struct finding_list *findings)
{
	uint64_t at = crash->facts.registers[CORE_RIP] - 1;
	const struct probe *probe = NULL;
	struct words function;
	struct finding *finding;
	struct error *err;

	if (crash->facts.signal.number != SIGTRAP || !crash->facts.has_registers || crash->facts.signal.sender_pid)
		return NULL;
	for (size_t i = 0; i < crash->facts.repair.probe_count; i++) {
		/* The recorder's own: the kernel handles it, and the trap is another's. */
		if (crash->facts.repair.probes[i].address == at &&
		    crash->facts.repair.probes[i].sources & PROBE_IN_TEXT &&
		    !evidence_is_own_probe(&crash->facts.repair.probes[i]))
			probe = &crash->facts.repair.probes[i];
	}
	if (!probe)
		return NULL;
	err = finding_append(findings, FINDING_STRAY_BREAKPOINT, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = finding_set_summary(finding,
				  "The process ran into a breakpoint at %s that its file does not have: somebody put "
				  "it there (a debugger "
				  "or a tracer) and nobody was left to handle it.",
				  words_probed_function(&function, probe))
		?: finding_set_offender(finding, "%s", words_probed_function(&function, probe))
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL,
					crash->record.has_signal_event ? crash->record.signal_event.id : 0, at,
					"SIGTRAP one byte after 0x%" PRIx64, at)
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, at,
					"0x%" PRIx64 " holds a breakpoint (cc), the file of the same "
					"build-id does not",
					at);
	/* Whoever holds a probe there has one that the kernel knows of; this breakpoint is one that it did not. */
	return err
		?: finding_add_missing(finding, "who put it there")
		?: finding_set_next_step(
			finding,
			"look for a debugger or tracer that was killed while attached; restart the program to get "
			"clean text");
}
