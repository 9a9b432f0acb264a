/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/stack_corruption.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "analyzer/code/code_call_site.h"

#define PUSHED_WORDS_MAX 16

/* Is the return address there after all, a few words further up? Hand-written code that pushes without saying so in its
 * call frame information makes the unwinder read what was pushed. Seen only of a function that was called directly. */
static bool is_further_up(const struct crash *crash, const struct frame *callee, uint64_t slot)
{
	uint64_t entry = callee->symbol.function ? callee->pc - callee->symbol.function_offset : 0, word;

	for (unsigned i = 1; crash->core.image && entry && i <= PUSHED_WORDS_MAX; i++) {
		if (core_read_word(crash->core.image, slot + 8 * i, &word) &&
		    code_call_site_target(crash->core.image, word) == entry)
			return true;
	}
	return false;
}

size_t corruption_first_lost(const struct crash *crash)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	for (size_t i = 1; stack && i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i], *callee = &stack->frames[i - 1];

		if (frame->trust != FRAME_LOST)
			continue;
		if (is_further_up(crash, callee, frame->sp - 8))
			return SIZE_MAX;
		if (!frame->pc || (crash->facts.repair.trampoline && frame->pc == crash->facts.repair.trampoline) ||
		    (callee->trust != FRAME_CFI && callee->trust != FRAME_REGISTERS) || !callee->symbol.module)
			return SIZE_MAX;
		return i;
	}
	return SIZE_MAX;
}

/* Is the word on top of the stack the return address of a call that may have led here? */
static bool was_called(const struct fault_jump *jump, uint64_t target)
{
	return jump->has_return_address && jump->call_is_indirect &&
	       (!jump->call_target_known || jump->call_target == target);
}

bool corruption_find_return(const struct crash *crash, struct smashed *ret)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_jump *jump = &fault->jump;
	uint64_t sp = fault->has_registers ? fault->registers[CORE_RSP] : crash->facts.registers[CORE_RSP];

	if (!fault->is_fault)
		return false;
	if (jump->is_return && fault->branch.kind == BRANCH_RETURN && fault->branch.target_known) {
		*ret = (struct smashed){fault->branch.target, sp, true};
		return fault->cause != FAULT_UNMAPPED || fault->address != sp;
	}
	if (!jump->known || jump->is_refused || !jump->has_word_below || jump->word_below != fault->address ||
	    was_called(jump, fault->address))
		return false;
	*ret = (struct smashed){fault->address, sp - 8, false};
	return true;
}

static size_t spelled_bytes(uint64_t word)
{
	size_t count = 0;

	while (count < 8 && isprint((int)(word >> 8 * count & 0xff)))
		count++;
	/* A text may end here; other bytes behind it mean that it is none. */
	return count == 8 || !(word >> 8 * count) ? count : 0;
}

bool corruption_is_text(uint64_t word)
{
	return spelled_bytes(word) >= 6;
}

const char *words_spelled(struct words *words, uint64_t word)
{
	size_t count = spelled_bytes(word);
	char text[9];

	for (size_t i = 0; i < count; i++)
		text[i] = (char)(word >> 8 * i);
	text[count] = 0;
	snprintf(words->text, sizeof(words->text), count >= 4 ? "0x%" PRIx64 " (\"%s\")" : "0x%" PRIx64, word, text);
	return words->text;
}

/* A write that began inside the stack and went on up to its very end. */
bool corruption_ran_off_the_top(const struct crash *crash)
{
	const struct stack_use *use = &crash->facts.stack_uses[0];

	return crash->facts.stack_use_count && (use->area.kind == STACK_MAIN || use->area.kind == STACK_THREAD) &&
	       use->touched_source == TOUCHED_SIGNAL && use->touched >= use->area.end &&
	       use->touched < use->area.end + 64 && use->sp >= use->area.start && use->sp < use->area.end &&
	       crash->facts.fault.access == ACCESS_WRITE && crash->facts.signal.number == SIGSEGV;
}
