/* SPDX-License-Identifier: MIT */
/*
 * wild-jump: a call or jump went where nothing is mapped, or into the middle of an instruction.
 *
 * What is seen: the instruction pointer is in no mapping, and the return address on top of the stack belongs to a call
 * that goes there; or the processor refused a call or jump because its target can be no address at all.
 * Or decoding from the function's start steps over the instruction pointer, and what the bytes there did faulted:
 * likely, because data between instructions can mislead the decoder.
 *
 * What it could be mistaken for: a return to an overwritten return address (smashed-return), which leaves no call on
 * the stack: possible only, and a return that was itself refused is not claimed; code that was unmapped: with a record
 * that shows it nothing is claimed; a jump to null (null-call) or into data (nx-execution).
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/evidence_jump.h"
#include "analyzer/evidence/evidence_lost.h"

static bool fits(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;

	if (!fault->is_fault || fault->access != ACCESS_EXECUTE)
		return false;
	switch (crash->facts.fault_place.kind) {
	case PLACE_NULL:
		return fault->address >= PLACE_NULL_BYTES;
	case PLACE_UNKNOWN:
		return fault->cause == FAULT_UNMAPPED && !crash->facts.fault.mapped;
	case PLACE_NON_CANONICAL:
	case PLACE_KERNEL:
	case PLACE_UNMAPPED:
	case PLACE_VSYSCALL:
		return true;
	default:
		return false;
	}
}

/* Into the middle of an instruction: the bytes from there on ran as another one. */
static struct error *tell_astray(const struct crash *crash, struct finding_list *findings)
{
	const struct fault *fault = &crash->facts.fault;
	struct finding *finding;
	struct words code;
	struct error *err = finding_append(findings, FINDING_WILD_JUMP, &finding);

	if (err)
		return err;
	finding->confidence = CONFIDENCE_LIKELY;
	return finding_set_summary(finding,
				       "Thread %" PRIu32 " jumped into the middle of an instruction of %s; the bytes there, "
				       "run as %s, faulted.",
				       evidence_dead_thread(crash), evidence_fault_code(&code, crash), fault->instruction)
		?: evidence_add_refusal(crash, finding)
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, fault->registers[CORE_RIP],
					"decoding from the function's start steps over 0x%" PRIx64,
					fault->registers[CORE_RIP])
		?: finding_add_missing(finding, "the jump: which call, jump or return led there")
		?: finding_set_lost(finding, "how the instruction pointer came there is not known",
				    "the words on top of the stack, or a processor trace")
		?: finding_set_next_step(finding, "which function pointer or return address leads to 0x%" PRIx64 "?",
					 fault->registers[CORE_RIP]);
}

struct error *end_wild_jump(const struct crash *crash, struct finding_list *findings)
{
	enum finding_confidence confidence = evidence_jump_confidence(crash);
	struct words source, where, spelt;
	struct finding *finding;
	struct error *err;

	if (evidence_is_astray(crash))
		return tell_astray(crash, findings);
	if (!fits(crash) || confidence == CONFIDENCE_NONE)
		return NULL;
	err = finding_append(findings, FINDING_WILD_JUMP, &finding);
	if (err)
		return err;
	/* That it jumped there is seen; that code was never there, a core cannot show for an address that could have
	 * had some. */
	finding->confidence = confidence;
	if (crash->facts.fault_place.kind == PLACE_UNMAPPED && !crash->record.known && confidence > CONFIDENCE_LIKELY) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_missing(finding, "a record: code that was unloaded before the jump looks the same");
	}
	words_pointer_value(&spelt, crash->facts.fault.address);
	if (!err)
		err = finding_set_summary(finding, "Thread %" PRIu32 " jumped to 0x%" PRIx64 ", %s%s%s (%s).",
					  evidence_dead_thread(crash), crash->facts.fault.address,
					  words_place(&where, crash, &crash->facts.fault_place),
					  spelt.text[0] ? "; it " : "", spelt.text,
					  evidence_jump_source(&source, crash))
			      ?: evidence_add_jump(crash, finding)
			      ?: evidence_set_lost(crash, finding);
	if (!err && finding->confidence < CONFIDENCE_PROVEN && !finding->counter_count && !finding->missing_count)
		err = finding_add_missing(finding, "the core, which would show the call");
	if (err)
		return err;
	return finding_set_next_step(finding, "where does the function pointer of %s come from?",
				     evidence_jump_source(&source, crash));
}
