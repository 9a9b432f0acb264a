/* SPDX-License-Identifier: MIT */
/*
 * uretprobe-sigill: a probed function returned into the kernel's trampoline, and the kernel found no return instance
 * for it.
 *
 * The kernel keeps the true return addresses in a list of the thread that called. Where a stack has moved, was switched
 * or goes on in another thread, the list does not fit the stack any more, and the kernel says so with SIGILL: code
 * SI_KERNEL, the instruction pointer inside the trampoline page (uprobe_handle_trampoline in kernel/events/uprobes.c:
 * "handle uretprobe, sending SIGILL").
 *
 * Nothing else runs in that page, so a SIGILL there has no other cause. Which function returned is another question: a
 * pending return that the recorder saw in that slot tells it, or the words that the function left below the stack
 * pointer, or the one probed function whose caller the stack fits. Where none of them does, no probe is named: one that
 * is merely attached elsewhere, a plain uprobe above all, is not at fault.
 */
#include <inttypes.h>
#include <signal.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"

struct error *cause_uretprobe_sigill(const struct crash *crash, struct finding_list *findings)
{
	uint64_t pc = crash->facts.registers[CORE_RIP];
	const struct probe *probe =
		evidence_probe_of_slot(crash, evidence_slot_at(crash, crash->facts.repair.died_slot));
	struct words words, function;
	struct finding *finding;
	struct error *err;

	if (crash->facts.signal.number != SIGILL || crash->facts.signal.code != SI_KERNEL ||
	    !crash->facts.has_registers || !crash->facts.repair.trampoline ||
	    pc - crash->facts.repair.trampoline >= RECORD_PAGE_BYTES)
		return NULL;
	err = finding_append(findings, FINDING_URETPROBE_SIGILL, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = finding_set_summary(
		finding,
		"A probed function returned into the kernel's uretprobe trampoline on a stack that the kernel did not "
		"know (%s): the stack was switched, moved, or went on in another thread, and the kernel sent SIGILL.",
		words_probe(&words, probe));
	if (!err && probe)
		err = finding_set_offender(finding, "%s", words_probed_function(&function, probe));
	return err
		?: finding_add_evidence(
			finding, EVIDENCE_SIGNAL, crash->record.has_signal_event ? crash->record.signal_event.id : 0,
			pc, "SIGILL from the kernel at trampoline + 0x%" PRIx64, pc - crash->facts.repair.trampoline)
		?: evidence_add_probes(crash, finding, probe)
		?: evidence_set_advice(finding, probe);
}
