/* SPDX-License-Identifier: MIT */
/*
 * wild-pointer: an access to an address where nothing is mapped. The end to fall back to.
 *
 * It claims what the processor did: the address, not near zero and canonical, is in no mapping of the dead process.
 * Whether memory had been mapped there before is for the causes. An error number or MAP_FAILED that was used as a
 * pointer is named. Certain with the instruction and the core; possible only where an offset from a null pointer may
 * lead. Silent where a record without a core knows of a living mapping there, near the stack pointer (stack-overflow),
 * and when the address is the stack pointer itself.
 */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/evidence_jump.h"
#include "analyzer/evidence/evidence_lost.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/facts/fault.h"

#define NEAR_STACK_POINTER_BYTES 65536

/* Below the stack pointer, or at it where it is itself nowhere: the stack's own matter. */
static bool by_the_stack(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;
	uint64_t sp = fault->registers[CORE_RSP];
	struct place place;

	if (fault->operand < fault->operand_count && fault->operands[fault->operand].is_stack)
		return true;
	if (!fault->has_registers || fault->address + NEAR_STACK_POINTER_BYTES < sp ||
	    fault->address >= sp + NEAR_STACK_POINTER_BYTES)
		return false;
	place_of(crash, sp, &place);
	return fault->address < sp || !place.mapped;
}

/* An error number plus the offset of a field, if the base register says so. */
static bool is_error_pointer(const struct crash *crash, int *ret_register, uint64_t *ret_value)
{
	*ret_register = evidence_base_register(crash, ret_value);
	return *ret_register >= 0 && evidence_is_error_value(*ret_value);
}

static bool fits(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;
	uint64_t value;
	int number;

	if (!fault->is_fault || fault->source == ADDRESS_UNKNOWN || fault->access == ACCESS_EXECUTE ||
	    by_the_stack(crash) || evidence_is_astray(crash) ||
	    /* The record contradicts. */
	    (crash->facts.fault_place.kind == PLACE_UNKNOWN && evidence_life_at_death(crash, &crash->facts.biography)))
		return false;
	if (crash->facts.fault_place.kind == PLACE_NULL)
		return evidence_base_register(crash, &value) >= 0 &&
		       (is_error_pointer(crash, &number, &value) || (value >= 4096 && value < PLACE_NULL_BYTES));
	if (crash->facts.fault_place.kind == PLACE_UNKNOWN)
		return fault->cause == FAULT_UNMAPPED && !crash->facts.fault.mapped;
	if (fault->mapped_since)
		return true;
	return crash->facts.fault_place.kind == PLACE_UNMAPPED || crash->facts.fault_place.kind == PLACE_KERNEL;
}

/* A 32-bit index times the size of an element leads no further than that from a null pointer. */
#define FAR_FROM_NULL (1ULL << 36)

/* By the whole record nothing is mapped there at the death. */
static bool record_shows_hole(const struct crash *crash)
{
	return crash->facts.has_biography && crash->facts.biography.address == crash->facts.fault.address &&
	       !crash_unseen_between(crash, crash->record.known_from_ns, crash->record.time_ns, NULL);
}

/* Of the end alone: that the address was not mapped. Without the instruction it may be an offset from null. */
static struct error *weigh(const struct crash *crash, struct finding *finding)
{
	const struct fault *fault = &crash->facts.fault;
	uint64_t value;
	int number;

	if (is_error_pointer(crash, &number, &value))
		return finding_add_evidence(finding, EVIDENCE_REGISTER, number, value,
					    "%s is %" PRId64 ", a value that failed calls return",
					    fault_register_name(number), (int64_t)value)
			       ?: finding_add_missing(finding, "which call failed");
	if (crash->facts.fault_place.kind == PLACE_UNKNOWN) {
		finding->confidence = record_shows_hole(crash) ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
		return finding_add_missing(finding, "the core, which would show what was mapped");
	}
	if (fault->mapped_since) {
		finding->confidence = CONFIDENCE_LIKELY;
		return finding_add_counter(finding, "a guard over the page (MADV_GUARD_INSTALL) looks the same");
	}
	if (fault->address < FAR_FROM_NULL) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_counter(finding, "a large offset from a null pointer looks the same");
	}
	if (fault->operand >= fault->operand_count) {
		finding->confidence = CONFIDENCE_LIKELY;
		return finding_add_missing(finding, "the instruction, which would show the pointer");
	}
	return NULL;
}

/* What the value itself shows of its origin; else what the code does. */
static struct error *set_lost(const struct crash *crash, struct finding *finding)
{
	const struct fault_twin *twin = &crash->facts.fault.twin;
	struct words at;

	if (evidence_is_shifted_pointer(crash))
		return finding_set_lost(
			finding,
			"the value looks like the end of a glibc list of free blocks: it may have been loaded "
			"from a freed block",
			"a heap record (corelate record --heap)");
	if (!twin->found)
		return evidence_set_lost(crash, finding);
	snprintf(at.text, sizeof(at.text), "the value differs in bit %u alone from 0x%" PRIx64 ", which is in use",
		 twin->bit, twin->value);
	return finding_set_lost(finding, at.text, "a watchpoint on the word that holds the pointer");
}

struct error *end_wild_pointer(const struct crash *crash, struct finding_list *findings)
{
	const struct fault *fault = &crash->facts.fault;
	struct words code, where, spelt;
	struct finding *finding;
	uint64_t value = crash->facts.fault.address;
	struct error *err;

	if (!fits(crash))
		return NULL;
	err = finding_append(findings, FINDING_WILD_POINTER, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = weigh(crash, finding);
	evidence_base_register(crash, &value);
	words_pointer_value(&spelt, value);
	return err
		?: finding_set_summary(finding, "Thread %" PRIu32 " %s 0x%" PRIx64 ", %s%s%s, in %s.",
				       evidence_dead_thread(crash),
				       fault->access == ACCESS_WRITE ? "wrote to" : "read",
				       fault->address,
				       fault->mapped_since ? "where nothing was mapped then"
							   : words_place(&where, crash, &crash->facts.fault_place),
				       spelt.text[0] ? "; the pointer " : "", spelt.text,
				       evidence_fault_code(&code, crash))
		?: evidence_add_refusal(crash, finding)
		?: evidence_add_operand(crash, finding)
		?: set_lost(crash, finding)
		?: finding_set_next_step(finding, "%s",
					 crash->record.known
						 ? "which code wrote the pointer? corelate why shows what is near it."
						 : "record the program (corelate record): the next crash then shows what was "
						   "mapped there before.");
}
