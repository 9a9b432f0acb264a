/* SPDX-License-Identifier: MIT */
/* Does a stack hold together below a return address that was put back? */
#include <Zydis/Zydis.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/code/code_call_site.h"
#include "analyzer/repair/repair_internal.h"
#include "common/cleanup.h"

#define TAIL_CALLER_BYTES 16384

bool repair_jumps_to(const struct core *core, uint64_t from, uint64_t to)
{
	cleanup_free uint8_t *bytes = malloc(TAIL_CALLER_BYTES);
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	ZydisDecoder decoder;
	size_t size, at = 0;

	if (!bytes || ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return false;
	size = core_read(core, from, bytes, TAIL_CALLER_BYTES);
	while (at < size) {
		ZyanU64 target;

		if (bytes[at] == 0xcc) { /* a probe; the instruction below it is at most a push or an endbr64 */
			at++;
			continue;
		}
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes + at, size - at, &instruction, operands))) {
			at++;
			continue;
		}
		if (instruction.mnemonic == ZYDIS_MNEMONIC_JMP &&
		    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, &operands[0], from + at, &target))) {
			uint64_t word;

			if (operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY && core_read_word(core, target, &word))
				target = word;
			if (target == to || code_call_site_through_stub(core, target) == to)
				return true;
		}
		at += instruction.length;
	}
	return false;
}

/* Where the text shows the probes, a hijacked function is one of them, or was jumped to by one. */
static bool can_be_hijacked(const struct repair_work *work, uint64_t function)
{
	const struct repair *repair = work->repair;

	for (size_t i = 0; i < repair->probe_count; i++) {
		if (repair->probes[i].address == function ||
		    repair_jumps_to(work->request->core, repair->probes[i].address, function))
			return true;
	}
	return repair->probe_count == 0;
}

static bool is_function(const struct frame *frame, const char *name)
{
	return frame->symbol.function && strcmp(frame->symbol.function, name) == 0;
}

/* The frames from `start` on, which a candidate gave: each return address must follow a call that can have entered the
 * frame below it. */
enum repair_fit repair_fit_of(const struct repair_work *work, const struct thread_stack *stack, size_t start)
{
	const struct core *core = work->request->core;

	for (size_t i = start + 1; i < stack->frame_count; i++) {
		uint64_t callee = repair_entry_of(stack->frames, i - 1);
		uint64_t target;

		if (stack->frames[i].pc == work->repair->trampoline)
			return can_be_hijacked(work, callee) ? FIT_WHOLE : FIT_NOT;
		if (stack->frames[i].trust == FRAME_INFERRED || stack->frames[i].trust == FRAME_RESTORED)
			continue;
		if (stack->frames[i].trust == FRAME_LOST && !repair_find_slot(work->repair, stack->frames[i].sp - 8))
			return FIT_NOT;
		target = code_call_site_target(core, stack->frames[i].pc);
		if (target && callee && target != callee && !repair_jumps_to(core, target, callee))
			return FIT_NOT;
	}
	if (!stack->end_reason)
		return FIT_WHOLE;
	/* The bottom of a fiber's stack is made by hand, and looks like a break; main has a caller. */
	return is_function(&stack->frames[stack->frame_count - 1], "main") ? FIT_NOT : FIT_OPEN;
}
