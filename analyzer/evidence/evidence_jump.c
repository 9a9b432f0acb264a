/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_jump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/facts/fault.h"

enum finding_confidence evidence_jump_confidence(const struct crash *crash)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;
	uint64_t target = crash->facts.fault.address;

	if (!jump->known)
		return CONFIDENCE_POSSIBLE;
	if (jump->is_refused)
		return jump->is_return ? CONFIDENCE_NONE : CONFIDENCE_PROVEN;
	if (jump->has_return_address && jump->call_target_known && jump->call_target == target)
		return CONFIDENCE_PROVEN;
	if (jump->has_return_address)
		return CONFIDENCE_LIKELY;
	return CONFIDENCE_POSSIBLE;
}

/* The frame that the return address on top of the stack leads to. */
static const struct frame *caller(const struct crash *crash)
{
	const struct frame *frame = fault_frame_of(crash);
	const struct thread_stack *stack;

	if (!frame)
		return NULL;
	if (crash->facts.fault.jump.is_refused)
		return frame;
	stack = &crash->facts.stacks.threads[0];
	if (frame + 1 < stack->frames + stack->frame_count && frame[1].pc == crash->facts.fault.jump.return_address)
		return frame + 1;
	return NULL;
}

const char *evidence_jump_source(struct words *words, const struct crash *crash)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;
	const struct frame *frame = caller(crash);
	struct words symbol;
	const char *name = frame && frame->symbol.module ? words_symbol(&symbol, &frame->symbol) : NULL;
	const char *branch = jump->is_refused ? crash->facts.fault.instruction : jump->call;
	size_t size = sizeof(words->text);

	if (!jump->is_refused && !jump->has_return_address)
		snprintf(words->text, size, "a jump from an unknown place");
	else if (!name)
		snprintf(words->text, size, "%s before 0x%" PRIx64, branch,
			 jump->is_refused ? crash->facts.fault.registers[CORE_RIP] : jump->return_address);
	else if (evidence_jump_confidence(crash) == CONFIDENCE_PROVEN || jump->call_is_indirect)
		snprintf(words->text, size, "%s in %.400s", branch, name);
	else
		snprintf(words->text, size, "a tail call by a function called in %.400s", name);
	return words->text;
}

static struct error *add_call(const struct crash *crash, struct finding *finding)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;
	struct error *err;

	if (jump->is_refused)
		return finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, crash->facts.fault.registers[CORE_RIP],
					    "%s would have gone to 0x%" PRIx64 ": the processor refused it",
					    crash->facts.fault.instruction, crash->facts.fault.address);
	if (!jump->has_return_address)
		return finding_add_counter(finding, "the word on top of the stack is no return address: it may have "
						    "been a jump or a return");
	err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, crash->facts.fault.registers[CORE_RSP],
				   "the return address on top of the stack, 0x%" PRIx64 ", is that of %s",
				   jump->return_address, jump->call);
	if (err)
		return err;
	if (!jump->call_target_known)
		return finding_add_missing(finding, "where that call went: its register or memory cannot be read");
	if (jump->call_target == crash->facts.fault.address)
		return finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, jump->call_target,
					    "with the registers and memory as they were, that call goes to 0x%" PRIx64,
					    jump->call_target);
	return finding_add_counter(finding,
				   "that call goes to 0x%" PRIx64
				   ": the function that it called jumped on, or its pointer "
				   "has changed since",
				   jump->call_target);
}

struct error *evidence_add_jump(const struct crash *crash, struct finding *finding)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;
	struct error *err = evidence_add_refusal(crash, finding) ?: add_call(crash, finding);

	if (!err && jump->known && !jump->is_refused && !jump->has_return_address && jump->has_word_below &&
	    jump->word_below == crash->facts.fault.address)
		err = finding_add_counter(finding, "the word below the stack pointer is that very address: a return "
						   "to it looks like this");
	return err;
}

/* How far a function is decoded to see whether the instruction pointer stands on one of its instructions. */
#define FUNCTION_BYTES_MAX 65536

bool evidence_is_inside_instruction(const struct crash *crash)
{
	const struct frame *frame = fault_frame_of(crash);
	uint64_t pc = crash->facts.fault.registers[CORE_RIP];

	if (!crash->core.image || !frame || !frame->symbol.function ||
	    frame->symbol.function_offset > FUNCTION_BYTES_MAX)
		return false;
	return fault_is_inside_instruction(crash->core.image, pc - frame->symbol.function_offset, pc);
}

bool evidence_is_astray(const struct crash *crash)
{
	static const uint8_t skipped[] = {0xf0, 0xf2, 0xf3}; /* lock, repne, rep */
	uint64_t pc = crash->facts.fault.registers[CORE_RIP];
	uint8_t before;

	if (!crash->facts.fault.is_fault || crash->facts.fault.access == ACCESS_EXECUTE ||
	    !evidence_is_inside_instruction(crash))
		return false;
	/* Code jumps over a prefix on purpose. */
	return core_read(crash->core.image, pc - 1, &before, 1) == 1 && !memchr(skipped, before, sizeof(skipped));
}
