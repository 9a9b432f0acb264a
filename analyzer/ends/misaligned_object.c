/* SPDX-License-Identifier: MIT */
/*
 * misaligned-object: an instruction that demands an aligned address was given another one.
 *
 * What is seen: the instruction at hand has an operand that must lie at a multiple of its size (movaps and its like),
 * by the registers its address is none, and the processor refused with a general protection fault (SIGSEGV, SI_KERNEL);
 * or the kernel says so (SIGBUS, BUS_ADRALN). Memory is mapped there: an address that is not is the stronger fault.
 *
 * What it could be mistaken for: a non-canonical address gives the same signal, and is told by the address itself. How
 * the object came to lie there (a packed structure, a cast, a stack that was misaligned by hand-written code) is not
 * judged.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"

struct error *end_misaligned_object(const struct crash *crash, struct finding_list *findings)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;
	struct finding *finding;
	struct words code;
	struct error *err;

	if (!fault->is_fault || fault->cause != FAULT_MISALIGNED || fault->operand >= fault->operand_count)
		return NULL;
	operand = &fault->operands[fault->operand];
	if (!operand->alignment)
		return NULL;
	err = finding_append(findings, FINDING_MISALIGNED_OBJECT, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	return finding_set_summary(finding,
				   "%s requires %u-byte alignment, and its operand is at 0x%" PRIx64 ", in %s.",
				   fault->instruction, operand->alignment, operand->address,
				   evidence_fault_code(&code, crash))
		?: evidence_add_fault(crash, finding)
		?: evidence_add_operand(crash, finding)
		?: finding_set_next_step(finding,
					 "which cast, packed structure or hand-made stack placed the object there?");
}
