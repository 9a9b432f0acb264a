/* SPDX-License-Identifier: MIT */
/*
 * null-dereference: a null pointer was read or written through.
 *
 * What is seen: the access faulted within 64 KiB of zero, where the kernel maps nothing for a program without privilege
 * (vm.mmap_min_addr), and the instruction's base register was zero: that, with the registers as they were, is all there
 * is to a null pointer. The distance is the offset of the field or element.
 *
 * What it could be mistaken for: a small number used as a pointer, where the base register is not zero but near it
 * (likely, because a function that is given the address of a null object's field sees just that; from 4096 on nothing
 * is claimed); MAP_FAILED or an error number plus an offset, which wraps around to near zero: that is no null pointer,
 * and none is claimed, except for multiples of -8, where a null member's structure begins (likely); a stack pointer
 * that was zeroed: left to others; a call through null, where the address is fetched. Why the pointer is null, it does
 * not say: lost_at names the word that it was loaded from, or the recorded call that took that memory's contents away.
 */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/evidence_jump.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/evidence/evidence_lost.h"
#include "analyzer/facts/fault.h"

#define SMALL_BYTES 4096

struct story {
	enum finding_confidence confidence;
	int null_register; /* that is zero; -1: none, or the address is a constant */
	int64_t offset;	   /* from the null pointer to what was used */
	const char *doubt; /* NULL for none */
};

static bool is_small(uint64_t value)
{
	return value < SMALL_BYTES;
}

static bool judge_operand(const struct fault *fault, const struct fault_operand *operand, struct story *story)
{
	bool has_base = operand->base >= 0, has_index = operand->index >= 0;
	uint64_t base = has_base ? fault->registers[operand->base] : 0;
	uint64_t index = has_index ? fault->registers[operand->index] : 0;

	if (operand->is_stack || operand->has_segment || operand->base == CORE_RIP || operand->base == CORE_RSP)
		return false;
	story->confidence = CONFIDENCE_PROVEN;
	if (!has_base && !has_index)
		return true; /* the compiler knew */
	if (has_base && base == 0) {
		story->null_register = operand->base;
		return true;
	}
	/* With a scale of one either register may hold the pointer. */
	if (has_base && has_index && operand->scale == 1 && index == 0) {
		story->null_register = operand->index;
		story->confidence = CONFIDENCE_LIKELY;
		story->doubt = "the instruction does not show which of the two registers holds the pointer";
		return !evidence_is_error_value(base);
	}
	if (!has_base && index == 0) {
		story->null_register = operand->index;
		story->confidence = CONFIDENCE_LIKELY;
		story->doubt = "the register that is zero may be an index, and the pointer a constant";
		return true;
	}
	if (base >= (uint64_t)-SMALL_BYTES && !evidence_is_error_value(base)) {
		story->confidence = CONFIDENCE_LIKELY;
		story->doubt = "no register is zero: the structure around a null member (container_of) looks like "
			       "this, and so does an error number used as a pointer";
		return true;
	}
	if (evidence_is_error_value(base) || !is_small(base))
		return false;
	story->confidence = CONFIDENCE_LIKELY;
	story->doubt = "no register is zero: the address of a field of a null object looks like this, and so does a "
		       "small number that was taken for a pointer";
	return true;
}

/* An element of a null array, far from zero: the scale tells which register holds the pointer. */
static bool is_far_element(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;

	if (fault->operand >= fault->operand_count || crash->facts.fault_place.kind != PLACE_UNMAPPED)
		return false;
	operand = &fault->operands[fault->operand];
	return !operand->is_stack && !operand->has_segment && operand->base >= 0 && operand->base != CORE_RIP &&
	       fault->registers[operand->base] == 0 && operand->index >= 0 && operand->scale > 1;
}

static bool find_story(const struct crash *crash, struct story *story)
{
	const struct fault *fault = &crash->facts.fault;

	*story = (struct story){.null_register = -1, .offset = (int64_t)fault->address};
	if (!fault->is_fault || fault->source == ADDRESS_UNKNOWN || fault->access == ACCESS_EXECUTE)
		return false;
	if (is_far_element(crash)) {
		story->confidence = CONFIDENCE_LIKELY;
		story->null_register = fault->operands[fault->operand].base;
		story->doubt = "the address is far from zero: the index may be what is wrong as well";
		return true;
	}
	if (crash->facts.fault_place.kind != PLACE_NULL)
		return false;
	if (fault->operand < fault->operand_count)
		return judge_operand(fault, &fault->operands[fault->operand], story);
	/* Above zero only: without the instruction an address just below it may be an error number. */
	if (fault->address >= PLACE_NULL_BYTES)
		return false;
	story->confidence = is_small(fault->address) ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	story->doubt = fault->operand_count ? "no operand of the instruction lies there"
					    : "the instruction is not known, and so the register that was null is not";
	return true;
}

/* "node->next (offset 0xc of struct node) through", "offset 0xc of", "through": before "a null pointer". */
static const char *words_target(struct words *words, const struct crash *crash, const struct story *story)
{
	const struct accessed_member *member = &crash->facts.fault.member;
	const char *sign = story->offset < 0 ? "-" : "";
	uint64_t distance = (uint64_t)(story->offset < 0 ? -story->offset : story->offset);

	if (story->null_register >= 0 && member->expression[0])
		snprintf(words->text, sizeof(words->text), "%s (offset %s0x%" PRIx64 " of %s) through",
			 member->expression, sign, distance, member->type);
	else if (story->offset)
		snprintf(words->text, sizeof(words->text), "offset %s0x%" PRIx64 " of", sign, distance);
	else
		snprintf(words->text, sizeof(words->text), "through");
	return words->text;
}

static struct error *tell(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct words code, target;
	char zero[32] = "";

	if (story->null_register >= 0)
		snprintf(zero, sizeof(zero), " (%s = 0)", fault_register_name(story->null_register));
	return finding_set_summary(finding, "Thread %" PRIu32 " %s %s a null pointer%s in %s.",
				   evidence_dead_thread(crash),
				   crash->facts.fault.access == ACCESS_WRITE  ? "wrote"
				   : crash->facts.fault.access == ACCESS_READ ? "read"
									      : "accessed",
				   words_target(&target, crash, story), zero, evidence_fault_code(&code, crash));
}

struct error *end_null_dereference(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct story story;
	struct words code;
	struct error *err;

	/* free(NULL) does nothing: what is null in there is the heap's. */
	if (!find_story(crash, &story) || evidence_heap_fault_inside(crash) || evidence_is_astray(crash))
		return NULL;
	err = finding_append(findings, FINDING_NULL_DEREFERENCE, &finding);
	if (err)
		return err;
	finding->confidence = story.confidence;
	err = tell(crash, &story, finding)
		?: evidence_add_refusal(crash, finding)
		?: evidence_add_operand(crash, finding);
	if (!err && story.doubt)
		err = finding_add_counter(finding, "%s", story.doubt);
	return err
		?: evidence_set_lost(crash, finding)
		?: finding_set_next_step(finding, "where does %s get the pointer from, and may it be null there?",
					 evidence_fault_code(&code, crash));
}
