/* SPDX-License-Identifier: MIT */
/*
 * null-call: a function was called through a null pointer.
 *
 * What is seen: the instruction pointer is zero, or near it; the word on top of the stack is the return address of a
 * call, and that call, with the registers and memory as they were left, goes to zero.
 *
 * What it could be mistaken for: a return to zero after an overwritten stack, when nothing on the stack tells of a call
 * (possible); a function that jumped on through null as its last act, so that the call on the stack is another one
 * (likely); a virtual call on a null object, which reads memory near zero and is a null-dereference. Why the pointer is
 * null, it does not say: lost_at names the word, or the recorded call that took that memory's contents away.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_jump.h"
#include "analyzer/evidence/evidence_lost.h"

struct error *end_null_call(const struct crash *crash, struct finding_list *findings)
{
	const struct fault *fault = &crash->facts.fault;
	struct finding *finding;
	struct words source;
	struct error *err;

	if (!fault->is_fault || fault->access != ACCESS_EXECUTE || crash->facts.fault_place.kind != PLACE_NULL ||
	    fault->address >= PLACE_NULL_BYTES)
		return NULL;
	err = finding_append(findings, FINDING_NULL_CALL, &finding);
	if (err)
		return err;
	finding->confidence = evidence_jump_confidence(crash);
	/* A small number is no null pointer, though it may be a null pointer with an offset. */
	if (fault->address && finding->confidence > CONFIDENCE_LIKELY)
		finding->confidence = CONFIDENCE_LIKELY;
	err = finding_set_summary(finding, "Thread %" PRIu32 " called %s0x%" PRIx64 " (%s).",
				  evidence_dead_thread(crash),
				  fault->address ? "a function near null, " : "a null function pointer, ",
				  fault->address, evidence_jump_source(&source, crash));
	if (!err && fault->address)
		err = finding_add_counter(finding, "the address is not zero: a small number may have been used as a "
						   "pointer");
	if (!err)
		err = evidence_add_jump(crash, finding) ?: evidence_set_lost(crash, finding);
	if (!err && finding->confidence < CONFIDENCE_PROVEN && !finding->counter_count && !finding->missing_count)
		err = finding_add_missing(finding, "the core, which would show the call");
	if (err)
		return err;
	return finding_set_next_step(finding, "which code should have set the function pointer of %s?",
				     evidence_jump_source(&source, crash));
}
