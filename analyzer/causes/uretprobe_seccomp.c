/* SPDX-License-Identifier: MIT */
/*
 * uretprobe-seccomp: the trampoline made its system call, and a seccomp filter refused it.
 *
 * Since Linux 6.11 the trampoline on x86-64 returns by a system call of its own, uretprobe(2), number 335. A filter
 * that lists what is allowed does not list it, and kills: SIGSYS with that number, the instruction pointer in the
 * trampoline page. Later kernels let it pass unseen.
 *
 * Any other SIGSYS is not ours.
 */
#include <inttypes.h>
#include <signal.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"

#define URETPROBE_SYSTEM_CALL 335 /* arch/x86/entry/syscalls/syscall_64.tbl */

struct error *cause_uretprobe_seccomp(const struct crash *crash, struct finding_list *findings)
{
	uint64_t pc = crash->facts.registers[CORE_RIP];
	const struct probe *probe =
		evidence_probe_of_slot(crash, evidence_slot_at(crash, crash->facts.repair.died_slot));
	struct words words, function;
	struct finding *finding;
	struct error *err;
	bool in_page;

	if (crash->facts.signal.number != SIGSYS || !crash->core.image ||
	    crash->core.image->signal.system_call != URETPROBE_SYSTEM_CALL)
		return NULL;
	in_page = crash->facts.repair.trampoline && pc - crash->facts.repair.trampoline < RECORD_PAGE_BYTES;
	err = finding_append(findings, FINDING_URETPROBE_SECCOMP, &finding);
	if (err)
		return err;
	finding->confidence = in_page ? CONFIDENCE_PROVEN : CONFIDENCE_LIKELY;
	err = finding_set_summary(
		finding,
		"The seccomp filter of the process refused system call %d, with which the kernel's trampoline returns "
		"from a function under %s.",
		URETPROBE_SYSTEM_CALL, words_probe(&words, probe));
	if (!err && probe)
		err = finding_set_offender(finding, "%s", words_probed_function(&function, probe));
	if (!err)
		err = finding_add_evidence(finding, EVIDENCE_SIGNAL,
					   crash->record.has_signal_event ? crash->record.signal_event.id : 0, pc,
					   "SIGSYS for system call %d at 0x%" PRIx64 "%s", URETPROBE_SYSTEM_CALL, pc,
					   in_page ? ", in the trampoline page" : "");
	if (!err && !in_page)
		err = finding_add_counter(finding, "the call was not made from a trampoline page that the core shows");
	return err ?: evidence_add_probes(crash, finding, probe) ?: evidence_set_advice(finding, probe);
}
