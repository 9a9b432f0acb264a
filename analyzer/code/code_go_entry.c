/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_go_entry.h"

#include "analyzer/code/code_machine.h"

/* mov, sub, jb, cmp, jbe: that of a huge frame; an endbr64 before it. */
#define CHECK_INSTRUCTIONS_MAX 6
#define CHECK_BYTES_MAX 96
/* stackguard0 in struct g (runtime/runtime2.go): behind stack.lo and stack.hi. */
#define STACK_GUARD 0x10

/* What is known before the comparison. */
struct check {
	bool has_g; /* rcx is g: before 1.17 it was fetched from thread-local storage; since then it is r14 always */
	bool compared;
};

static bool is_register(const struct code_operand *operand, enum core_register number)
{
	return operand->kind == CODE_OPERAND_REGISTER && operand->bits == 64 && operand->reg == (int)number;
}

/* cmp REG, [g + 0x10]: REG is the stack pointer, or what it will be, in a register that holds no argument. */
static bool compares_limit(const struct check *check, const struct code_instruction *instruction)
{
	const struct code_operand *left = &instruction->operands[0], *right = &instruction->operands[1];

	if (instruction->op != CODE_OP_COMPARE || right->kind != CODE_OPERAND_MEMORY ||
	    right->memory.index != CODE_REGISTER_NONE || right->memory.displacement != STACK_GUARD)
		return false;
	return (is_register(left, CORE_RSP) || is_register(left, CORE_R12) ||
		(check->has_g && is_register(left, CORE_RAX))) &&
	       right->memory.base == (check->has_g ? CORE_RCX : CORE_R14);
}

/* What may go before the comparison: it touches neither the stack nor an argument. */
static bool may_precede(struct check *check, const struct code_instruction *instruction)
{
	const struct code_operand *to = &instruction->operands[0], *from = &instruction->operands[1];

	switch (instruction->op) {
	case CODE_OP_LANDING:
		return true;
	case CODE_OP_MOVE:
		if (is_register(to, CORE_RCX) && from->kind == CODE_OPERAND_MEMORY &&
		    from->memory.segment == CORE_FS_BASE)
			return check->has_g = true;
		/* fall through */
	case CODE_OP_ADDRESS:
	case CODE_OP_SUBTRACT:
		return is_register(to, CORE_R12) || (check->has_g && is_register(to, CORE_RAX));
	default: /* the subtraction went round */
		return instruction->flow == CODE_FLOW_BRANCH && instruction->condition == CODE_IF_BELOW;
	}
}

uint64_t code_go_entry_skip(const struct elf_file *elf, const struct code_function *function)
{
	uint8_t bytes[CHECK_BYTES_MAX];
	size_t size = elf_read(elf, function->address, bytes, sizeof(bytes)), at = 0;
	const struct code_machine *machine = code_machine_of(elf->machine);
	struct check check = {0};

	if (size > function->size)
		size = function->size;
	for (unsigned i = 0; i < CHECK_INSTRUCTIONS_MAX && at < size; i++) {
		struct code_instruction instruction;

		if (!code_decode(machine, bytes + at, size - at, function->address + at, CODE_WHOLE, &instruction))
			return 0;
		at += instruction.length;
		if (check.compared)
			return instruction.flow == CODE_FLOW_BRANCH && instruction.condition == CODE_IF_NOT_ABOVE &&
					       at < function->size
				       ? at
				       : 0;
		check.compared = compares_limit(&check, &instruction);
		if (!check.compared && !may_precede(&check, &instruction))
			return 0;
	}
	return 0;
}
