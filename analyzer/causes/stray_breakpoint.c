/* SPDX-License-Identifier: MIT */
/*
 * stray-breakpoint: the process ran into a breakpoint that somebody put into its text and nobody handled.
 *
 * What is seen: SIGTRAP, the byte before the instruction pointer is a breakpoint in the dumped text, and the file of
 * the same build-id has another byte there. A debugger that was killed leaves one behind; so does a probe whose owner
 * went wrong. Who did is not seen, so nobody is accused: whoever holds a probe there has one that the kernel knows of,
 * and this breakpoint is one that it did not.
 *
 * What it could be mistaken for: a breakpoint that the file has itself (own-breakpoint: int3 of a program,
 * __builtin_debugtrap), which is the program's own; where the file could not be compared, this cause is silent. A trap
 * of another kind (other-trap: single steps, watchpoints) that ends just behind a probe's place: its code is not the
 * kernel's for int3.
 */
#include <inttypes.h>
#include <signal.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"

static const char *const alternatives[] = {"own-breakpoint", "other-trap", NULL};

const struct link_kind link_foreign_breakpoint = {"foreign-breakpoint", FINDING_STRAY_BREAKPOINT, alternatives};

static const struct probe *find_breakpoint(const struct crash *crash, uint64_t at)
{
	const struct probe *found = NULL;

	for (size_t i = 0; i < crash->facts.repair.probe_count; i++) {
		const struct probe *probe = &crash->facts.repair.probes[i];

		/* The recorder's own: the kernel handles it, and the trap is another's. */
		if (probe->address == at && probe->sources & PROBE_IN_TEXT && !evidence_is_own_probe(probe))
			found = probe;
	}
	return found;
}

static struct error *append_breakpoint(const struct crash *crash, const struct probe *probe, struct finding *finding)
{
	const struct crash_signal *signal = &crash->facts.signal;
	int64_t id = crash->record.has_signal_event ? crash->record.signal_event.id : 0;
	struct node node = {.kind = NODE_CODE, .start = probe->address};
	struct words code;
	struct error *err;

	err = link_append(finding, &link_foreign_breakpoint, BASIS_COMPUTED, node,
			  "the thread ran a breakpoint at 0x%" PRIx64 " that the file does not have", probe->address)
		      ?: finding_add_evidence(finding, EVIDENCE_SIGNAL, id, probe->address,
					      "SIGTRAP one byte after 0x%" PRIx64, probe->address)
		      ?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, probe->address,
					      "0x%" PRIx64 " holds a breakpoint (cc); the file of the same build-id does not",
					      probe->address)
		      ?: link_rule_out(finding, "own-breakpoint", EVIDENCE_FILE, 0, probe->symbol.module_offset,
				       "the file of the same build-id has another byte there");
	if (err)
		return err;
	if (signal->code == SI_KERNEL || signal->code == TRAP_BRKPT)
		return link_rule_out(finding, "other-trap", EVIDENCE_SIGNAL, id, probe->address,
				     "the kernel's code for the trap is that of a breakpoint");
	return link_leave_open(finding, "other-trap", "the trap's code (%s) is not that of a breakpoint",
			       words_signal_origin(&code, signal));
}

struct error *cause_stray_breakpoint(const struct crash *crash, struct finding_list *findings)
{
	const struct probe *probe;
	struct finding *finding;
	struct words function;

	if (crash->facts.signal.number != SIGTRAP || !crash->facts.has_registers || crash->facts.signal.sender_pid)
		return NULL;
	probe = find_breakpoint(crash, crash->facts.registers[CORE_RIP] - 1);
	if (!probe)
		return NULL;
	return finding_append(findings, FINDING_STRAY_BREAKPOINT, &finding)
		?: append_breakpoint(crash, probe, finding)
		?: finding_set_summary(finding,
				       "The process ran into a breakpoint in %s that its file does not have: a debugger or "
				       "tracer left it there.",
				       words_probed_function(&function, probe))
		?: finding_add_missing(finding, "who put it there")
		?: finding_set_next_step(finding, "was a debugger or tracer killed while attached? Restart the program to get "
						  "clean text");
}
