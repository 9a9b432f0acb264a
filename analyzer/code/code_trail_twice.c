/* SPDX-License-Identifier: MIT */
/* Functions that return twice. By what they do, not by their names: setjmp and getcontext save the registers that their
 * caller must find again through their first argument; vfork takes its return address from the stack, for the child
 * would overwrite it (glibc, sysdeps/x86_64/setjmp.S, sysdeps/unix/sysv/linux/x86_64/{getcontext.S,vfork.S}). */
#include "analyzer/code/code_call_site.h"
#include "analyzer/code/code_trail_walk.h"

#define LOOKED_AT_MAX 24
#define SAVED_MIN 3
#define JUMPS_MAX 2

static bool saves_kept(const struct code_trail_walk *walk, const struct code_instruction *code)
{
	const struct code_operand *to = &code->operands[0], *from = &code->operands[1];

	return code->op == CODE_OP_MOVE && to->kind == CODE_OPERAND_MEMORY && to->memory.base == CORE_RDI &&
	       to->memory.index == CODE_REGISTER_NONE && from->kind == CODE_OPERAND_REGISTER &&
	       code_is_kept(walk->machine, from->reg);
}

static bool returns_twice(const struct code_trail_walk *walk, uint64_t address)
{
	unsigned saved = 0, jumps = 0;
	struct code_instruction code;

	for (unsigned i = 0; i < LOOKED_AT_MAX && code_decode_at(walk->core, address, CODE_WHOLE, &code); i++) {
		address += code.length;
		if (code.op == CODE_OP_POP && i < 2)
			return true;
		saved += saves_kept(walk, &code);
		if (code.flow == CODE_FLOW_RETURN || code.flow == CODE_FLOW_CALL)
			break;
		if (code.flow == CODE_FLOW_JUMP) {
			if (!code.has_target || jumps++ == JUMPS_MAX)
				break;
			address = code_call_site_through_stub(walk->core, code.target);
		}
	}
	return saved >= SAVED_MIN;
}

bool code_trail_comes_back_twice(struct code_trail_walk *walk, int context)
{
	const struct code_graph *graph = walk->contexts[context].graph;

	for (size_t i = 0; i < graph->count; i++) {
		const struct code_instruction *code = &graph->nodes[i].code;
		bool is_slot = code->operands[0].kind == CODE_OPERAND_MEMORY && code->operands[0].memory.is_pc_relative;
		uint64_t target;

		if (code->flow != CODE_FLOW_CALL || (!code->has_target && !is_slot))
			continue;
		target = code_trail_target(walk, context, i);
		if (target && returns_twice(walk, target))
			return true;
	}
	return false;
}
