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
#include "analyzer/evidence/link_probe.h"

static const char *const alternatives[] = {"own-instruction", NULL};

const struct link_kind link_no_return_instance = {"no-return-instance", FINDING_URETPROBE_SIGILL, alternatives};
const struct link_kind link_taken_sigill = {"return-taken-sigill", FINDING_URETPROBE_SIGILL, link_taken_alternatives};

static struct error *append_sigill(const struct crash *crash, struct finding *finding)
{
	uint64_t pc = crash->facts.registers[CORE_RIP];
	int64_t signal = crash->record.has_signal_event ? crash->record.signal_event.id : 0;
	struct node node = {.kind = NODE_CODE, .start = pc};

	return link_append(finding, &link_no_return_instance, BASIS_COMPUTED, node,
			   "the thread returned into the uretprobe trampoline, and the kernel found no return instance "
			   "for this stack")
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL, signal, pc,
					"SIGILL (SI_KERNEL) at trampoline + 0x%" PRIx64, pc - crash->facts.repair.trampoline)
		?: link_rule_out(finding, "own-instruction", EVIDENCE_SIGNAL, signal, pc,
				 "only the kernel's trampoline runs in that page, and the kernel sent the signal itself");
}

struct error *cause_uretprobe_sigill(const struct crash *crash, struct finding_list *findings)
{
	uint64_t pc = crash->facts.registers[CORE_RIP], slot = crash->facts.repair.died_slot;
	const struct probe *probe = evidence_probe_of_slot(crash, evidence_slot_at(crash, slot));
	struct finding *finding;
	struct words words;

	if (crash->facts.signal.number != SIGILL || crash->facts.signal.code != SI_KERNEL ||
	    !crash->facts.has_registers || !crash->facts.repair.trampoline ||
	    pc - crash->facts.repair.trampoline >= RECORD_PAGE_BYTES)
		return NULL;
	return finding_append(findings, FINDING_URETPROBE_SIGILL, &finding)
		?: append_sigill(crash, finding)
		?: finding_set_summary(finding,
				       "A probed function returned into its trampoline (%s) on a stack for which the kernel "
				       "has no return instance: SIGILL.",
				       words_probe(&words, probe))
		?: link_append_probes(crash, finding, &link_taken_sigill, slot, probe);
}
