/* SPDX-License-Identifier: MIT */
/* Does a stack hold together below a return address that was put back? */
#include <stdlib.h>
#include <string.h>

#include "analyzer/code/code_call_site.h"
#include "analyzer/code/code_machine.h"
#include "analyzer/repair/repair_internal.h"
#include "common/cleanup.h"

#define TAIL_CALLER_BYTES 16384

bool repair_jumps_to(const struct core *core, uint64_t from, uint64_t to)
{
	cleanup_free uint8_t *bytes = malloc(TAIL_CALLER_BYTES);
	const struct code_machine *machine = code_machine_of(core->machine);
	struct code_instruction jump;
	size_t size, at = 0;

	if (!bytes)
		return false;
	size = core_read(core, from, bytes, TAIL_CALLER_BYTES);
	while (at < size) {
		uint64_t target, word;

		if (!code_decode(machine, bytes + at, size - at, from + at, CODE_SHAPE, &jump)) {
			at++;
			continue;
		}
		/* A probe's breakpoint is one byte; the instruction below it is at most a push or an endbr64. */
		if (jump.flow == CODE_FLOW_JUMP &&
		    code_decode(machine, bytes + at, size - at, from + at, CODE_WHOLE, &jump) &&
		    (jump.has_target || (code_static_address(&jump, &jump.operands[0], &target) &&
					 jump.operands[0].memory.index == CODE_REGISTER_NONE))) {
			if (jump.has_target)
				target = jump.target;
			else if (core_read_word(core, target, &word))
				target = word;
			if (target == to || code_call_site_through_stub(core, target) == to)
				return true;
		}
		at += jump.length;
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
