/* SPDX-License-Identifier: MIT */
/*
 * uretprobe-seccomp: the trampoline made its system call, and a seccomp filter refused it.
 *
 * Since Linux 6.11 the trampoline on x86-64 returns by a system call of its own, uretprobe(2), number 335. A filter
 * that lists what is allowed does not list it, and kills: SIGSYS with that number, the instruction pointer in the
 * trampoline page. Later kernels let it pass unseen.
 *
 * What it could be mistaken for: a program that makes that system call itself (own-call), as a sandbox's test may: the
 * instruction pointer then is not in the trampoline page. Any other SIGSYS is not ours.
 */
#include <inttypes.h>
#include <signal.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/link_probe.h"

#define URETPROBE_SYSTEM_CALL 335 /* arch/x86/entry/syscalls/syscall_64.tbl */

static const char *const alternatives[] = {"own-call", NULL};

const struct link_kind link_trampoline_refused = {"trampoline-call-refused", FINDING_URETPROBE_SECCOMP, alternatives};
const struct link_kind link_taken_seccomp = {"return-taken-seccomp", FINDING_URETPROBE_SECCOMP,
					     link_taken_alternatives};

static struct error *append_refusal(const struct crash *crash, struct finding *finding)
{
	uint64_t pc = crash->facts.registers[CORE_RIP];
	int64_t signal = crash->record.has_signal_event ? crash->record.signal_event.id : 0;
	bool in_page = crash->facts.repair.trampoline && pc - crash->facts.repair.trampoline < RECORD_PAGE_BYTES;
	struct node node = {.kind = NODE_CODE, .start = pc};
	struct error *err;

	err = link_append(finding, &link_trampoline_refused, BASIS_COMPUTED, node,
			  "seccomp refused system call %d, by which the uretprobe trampoline returns",
			  URETPROBE_SYSTEM_CALL)
		      ?: finding_add_evidence(finding, EVIDENCE_SIGNAL, signal, pc,
					      "SIGSYS for system call %d at 0x%" PRIx64 "%s", URETPROBE_SYSTEM_CALL, pc,
					      in_page ? ", in the trampoline page" : "");
	if (err)
		return err;
	if (in_page)
		return link_rule_out(finding, "own-call", EVIDENCE_SIGNAL, signal, pc,
				     "the call was made in the trampoline page");
	return link_leave_open(finding, "own-call", "the core shows no trampoline page that the call was made from");
}

struct error *cause_uretprobe_seccomp(const struct crash *crash, struct finding_list *findings)
{
	uint64_t slot = crash->facts.repair.died_slot;
	const struct probe *probe = evidence_probe_of_slot(crash, evidence_slot_at(crash, slot));
	struct finding *finding;
	struct words words;

	if (crash->facts.signal.number != SIGSYS || !crash->core.image ||
	    crash->core.image->signal.system_call != URETPROBE_SYSTEM_CALL)
		return NULL;
	return finding_append(findings, FINDING_URETPROBE_SECCOMP, &finding)
		?: append_refusal(crash, finding)
		?: finding_set_summary(finding,
				       "The process's seccomp filter refused system call %d (uretprobe), by which the "
				       "kernel's trampoline returns from a function under %s.",
				       URETPROBE_SYSTEM_CALL, words_probe(&words, probe))
		?: link_append_probes(crash, finding, &link_taken_seccomp, slot, probe);
}
