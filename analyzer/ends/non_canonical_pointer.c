/* SPDX-License-Identifier: MIT */
/*
 * non-canonical-pointer: memory was accessed through a value that is no valid x86-64 address.
 *
 * What is seen: the processor gave a general protection or stack fault, for which the kernel has no address
 * (SI_KERNEL), and an operand of the instruction, with the registers as they were, lies where bits 63 to 47 do not
 * agree. What the value spells often shows where it came from.
 *
 * What it could be mistaken for: an instruction that is none, because the instruction pointer had gone astray
 * (wild-jump); two operands that both are non-canonical, where it is not known which one the processor met first
 * (likely); a sum of two registers that each could be right (likely). That a single bit of it is wrong (bit-flip), or
 * that it came from an overwritten stack, changes nothing of the end: lost_at says so.
 */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/evidence_jump.h"
#include "analyzer/evidence/evidence_lost.h"
#include "analyzer/facts/fault.h"

static bool is_stack_register(int number)
{
	return number == CORE_RSP || number == CORE_RBP;
}

/* The register that makes the address what it is: the base, or the index where the base is a good address. */
static int wrong_register(const struct crash *crash, uint64_t *ret_value)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand = &fault->operands[fault->operand];
	int number = evidence_base_register(crash, ret_value);

	if ((number < 0 || !place_is_non_canonical(*ret_value)) && operand->index >= 0) {
		*ret_value = fault->registers[operand->index];
		return operand->index;
	}
	return number;
}

static struct error *tell_one(const struct crash *crash, struct finding *finding)
{
	const struct fault *fault = &crash->facts.fault;
	struct words code, spelt;
	uint64_t value = fault->address;
	int number = wrong_register(crash, &value);
	const char *looks = words_pointer_value(&spelt, value);
	char source[64] = "";
	struct error *err;

	if (number >= 0)
		snprintf(source, sizeof(source), " (%s = 0x%" PRIx64 ")", fault_register_name(number), value);
	err = finding_set_summary(
		finding, "Thread %" PRIu32 " %s 0x%" PRIx64 "%s%s%s, in %s: not a valid x86-64 address.",
		evidence_dead_thread(crash), fault->access == ACCESS_WRITE ? "wrote to" : "read", fault->address,
		source, looks[0] ? ", which " : "", looks, evidence_fault_code(&code, crash));
	if (!err && number >= 0 && !place_is_non_canonical(value)) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_counter(finding,
					  "%s alone could be a pointer or an index: only the sum is no address",
					  fault_register_name(number));
	}
	if (!err && is_stack_register(number))
		err = finding_set_lost(finding, "the stack or frame pointer may have come from an overwritten stack",
				       "the words of the stack around it (corelate stack)");
	return err;
}

static struct error *tell_several(const struct crash *crash, struct finding *finding)
{
	struct words code;

	finding->confidence = CONFIDENCE_LIKELY;
	return finding_set_summary(finding,
				   "Thread %" PRIu32 " accessed 0x%" PRIx64 " and 0x%" PRIx64
				   ", no valid x86-64 addresses, in %s.",
				   evidence_dead_thread(crash), crash->facts.fault.operands[0].address,
				   crash->facts.fault.operands[1].address, evidence_fault_code(&code, crash));
}

struct error *end_non_canonical_pointer(const struct crash *crash, struct finding_list *findings)
{
	const struct fault *fault = &crash->facts.fault;
	bool one = fault->operand < fault->operand_count;
	struct finding *finding;
	struct error *err;

	if (!fault->is_fault || fault->cause != FAULT_NON_CANONICAL || fault->access == ACCESS_EXECUTE ||
	    (!one && fault->operand_count < 2) || evidence_is_astray(crash))
		return NULL;
	err = finding_append(findings, FINDING_NON_CANONICAL_POINTER, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = one ? tell_one(crash, finding) : tell_several(crash, finding);
	if (!err)
		err = evidence_add_refusal(crash, finding) ?: evidence_add_operand(crash, finding);
	if (!err && !finding->lost_at)
		err = evidence_set_lost(crash, finding);
	if (!err && !one)
		err = finding_add_missing(finding, "which of the two the processor refused first");
	if (err)
		return err;
	return finding_set_next_step(finding,
				     "what lies around the pointer in memory, and what text or pattern is it?");
}
