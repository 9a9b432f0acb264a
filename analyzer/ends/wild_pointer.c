/* SPDX-License-Identifier: MIT */
/*
 * wild-pointer: memory was used at an address where nothing is mapped, and nothing better is known of it. The class to
 * fall back to, and to be read as such.
 *
 * What is seen: the address, not near zero and with all of its bits in order, is in no mapping of the dead process. An
 * error number or MAP_FAILED that was taken for a pointer is one too, and is named.
 *
 * What it could be mistaken for: without a record, memory that was unmapped before (use-after-munmap and its relatives)
 * looks exactly like this, so that it is possible only; with one that knows the address never to have been mapped, it
 * is likely. Nothing is said where the record knows of a mapping there, ended or not; near the stack pointer
 * (stack-overflow); and when the address is the stack pointer itself.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"
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
	    evidence_ended_life(crash) || evidence_life_at_death(crash, &crash->facts.biography) || by_the_stack(crash))
		return false;
	if (crash->facts.fault_place.kind == PLACE_NULL)
		return evidence_base_register(crash, &value) >= 0 &&
		       (is_error_pointer(crash, &number, &value) || (value >= 4096 && value < PLACE_NULL_BYTES));
	if (crash->facts.fault_place.kind == PLACE_UNKNOWN)
		return fault->cause == FAULT_UNMAPPED && !crash->facts.fault.mapped;
	return crash->facts.fault_place.kind == PLACE_UNMAPPED || crash->facts.fault_place.kind == PLACE_KERNEL;
}

static bool never_mapped(const struct crash *crash)
{
	return crash->facts.has_biography && crash->facts.biography.address == crash->facts.fault.address &&
	       !timeline_last_life(&crash->facts.biography.timeline, crash->facts.fault.address) &&
	       !crash_unseen_between(crash, crash->record.known_from_ns, crash->record.time_ns, NULL);
}

static struct error *weigh(const struct crash *crash, struct finding *finding)
{
	struct error *err = NULL;
	uint64_t value;
	int number;

	finding->confidence = CONFIDENCE_POSSIBLE;
	if (is_error_pointer(crash, &number, &value)) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, 0,
					   "%s is %" PRId64 ", a value with which calls fail",
					   fault_register_name(number), (int64_t)value)
			      ?: finding_add_missing(finding, "which call failed, and who did not look");
	} else if (never_mapped(crash)) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, crash->facts.fault.address,
					   "in all of the recorded time nothing was mapped there");
		if (!err && crash->record.known_from_ns)
			err = finding_add_missing(finding, "the time before the recording began");
		else if (!err)
			err = finding_add_missing(finding, "where the pointer's value came from");
	} else {
		err = finding_add_missing(finding,
					  "a record that knows this address: without one, memory that was unmapped "
					  "looks the same");
	}
	if (!err && evidence_is_shifted_pointer(crash))
		err = finding_add_counter(finding,
					  "shifted left by 12 bits the pointer leads into memory in use: glibc "
					  "writes such a value into freed blocks, and this may be the use of one");
	if (!err && crash->facts.fault.twin.found) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding,
					  "the value differs in one bit alone from 0x%" PRIx64 ", which is in use",
					  crash->facts.fault.twin.value);
	}
	return err;
}

struct error *end_wild_pointer(const struct crash *crash, struct finding_list *findings)
{
	struct words code, where, spelt;
	struct finding *finding;
	uint64_t value = crash->facts.fault.address;
	struct error *err;

	if (!fits(crash))
		return NULL;
	err = finding_append(findings, FINDING_WILD_POINTER, &finding);
	if (err)
		return err;
	err = weigh(crash, finding);
	evidence_base_register(crash, &value);
	words_pointer_value(&spelt, value);
	return err
		?: finding_set_summary(
			finding,
			"Thread %" PRIu32 " %s 0x%" PRIx64 ", %s%s%s, in %s; where the pointer came "
			"from is not known.",
			evidence_dead_thread(crash), crash->facts.fault.access == ACCESS_WRITE ? "wrote to" : "read",
			crash->facts.fault.address, words_place(&where, crash, &crash->facts.fault_place),
			spelt.text[0] ? "; the pointer " : "", spelt.text, evidence_fault_code(&code, crash))
		?: evidence_set_fault_offender(crash, finding)
		?: evidence_add_refusal(crash, finding)
		?: evidence_add_operand(crash, finding)
		?: finding_set_next_step(finding, "%s",
					 crash->record.known ? "look at who wrote the pointer, and at corelate why for "
							       "what is near it"
							     : "record the program, so that the next crash tells what "
							       "was mapped there before");
}
