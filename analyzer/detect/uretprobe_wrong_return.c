/* SPDX-License-Identifier: MIT */
/*
 * uretprobe-wrong-return: a probed function returned into another function's caller.
 *
 * The kernel keeps pending returns of a thread in one list, newest first. Where a thread runs several stacks (fibers),
 * a return on one of them can take the newest entry although it belongs to another: the program goes on with the wrong
 * code on the wrong stack, and dies soon after.
 *
 * What is seen: a pending return instance whose stack slot lies just below the stack pointer of the dying thread. That
 * function has returned already (its slot is popped), so its entry should be gone: the kernel took another one in its
 * place. Needs the recorded list; without it this detector is silent.
 *
 * What it could be mistaken for: a function left by longjmp or by an exception leaves its entry behind as well; the
 * kernel drops such entries at the next probed call or return of the thread. So the confidence is `likely`.
 */
#include <inttypes.h>
#include <signal.h>

#include "analyzer/detect.h"
#include "analyzer/evidence_probe.h"

/* The code that went on may have called and returned a little before it died. */
#define NEAR_BYTES 512

static const struct return_instance *find_passed_over(const struct crash *crash)
{
	uint64_t sp = crash->registers[CORE_RSP];

	for (size_t i = 0; i < crash->instance_count; i++) {
		const struct return_instance *instance = &crash->instances[i];

		if (instance->tid == crash->signal_event.tid && instance->stack < sp &&
		    sp - instance->stack <= NEAR_BYTES)
			return instance;
	}
	return NULL;
}

struct error *detect_uretprobe_wrong_return(const struct crash *crash, struct finding_list *findings)
{
	const struct return_instance *instance =
		crash->has_signal_event && crash->has_registers ? find_passed_over(crash) : NULL;
	const struct probe *probe = NULL;
	struct words words, function;
	struct finding *finding;
	struct error *err;

	if (!instance || !crash->repair.trampoline)
		return NULL;
	if (crash->signal.number != SIGSEGV && crash->signal.number != SIGBUS && crash->signal.number != SIGILL)
		return NULL;
	/* Inside the trampoline the kernel refused to return at all: that is uretprobe-sigill. */
	if (crash->registers[CORE_RIP] - crash->repair.trampoline < RECORD_PAGE_BYTES)
		return NULL;
	for (size_t i = 0; i < crash->repair.probe_count; i++) {
		if (crash->repair.probes[i].address == instance->function)
			probe = &crash->repair.probes[i];
	}
	err = finding_append(findings, FINDING_URETPROBE_WRONG_RETURN, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_LIKELY;
	err = finding_set_summary(
		finding,
		"A function under %s returned into another function's caller: the thread runs several stacks, and the "
		"kernel took the return address that belongs to another of them.",
		words_probe(&words, probe));
	if (!err)
		err = finding_set_offender(finding, "%s", words_probed_function(&function, probe));
	if (!err)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, instance->stack,
					   "the return of the function at 0x%" PRIx64
					   " was still pending in the kernel, with its slot at 0x%" PRIx64
					   ", though the stack pointer (0x%" PRIx64
					   ") is past it: it has returned, by another's entry",
					   instance->function, instance->stack, crash->registers[CORE_RSP]);
	if (!err)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, instance->return_address,
					   "it should have returned to 0x%" PRIx64, instance->return_address);
	if (!err)
		err = evidence_add_probes(crash, finding);
	if (!err)
		err = finding_add_counter(finding, "a function left by longjmp leaves its entry behind too");
	if (!err)
		err = evidence_set_advice(finding, probe);
	return err;
}
