/* SPDX-License-Identifier: MIT */
/* What the text of a function makes of registers: worked out from the instruction that wrote each. */
#include "analyzer/code/code_origin.h"
#include "analyzer/code/code_text.h"

bool code_text_address_of(const struct code_text *text, size_t step, const struct code_memory *memory, unsigned depth,
			  uint64_t *ret)
{
	const struct code_instruction *at = code_text_step_back(text, step);
	uint64_t base = 0, index = 0;

	uint64_t segment = memory->segment == CORE_FS_BASE ? text->registers[CORE_FS_BASE] : 0;

	/* gs is the kernel's and Wine's. */
	if (memory->segment == CORE_GS_BASE || (memory->segment == CORE_FS_BASE && !(text->known & 1u << CORE_FS_BASE)))
		return false;
	if (memory->is_pc_relative)
		base = at->address + at->length;
	else if (memory->base != CODE_REGISTER_NONE && !code_text_value_before(text, memory->base, step, depth, &base))
		return false;
	if (memory->index != CODE_REGISTER_NONE && !code_text_value_before(text, memory->index, step, depth, &index))
		return false;
	*ret = segment + base + index * memory->scale + (uint64_t)memory->displacement;
	return true;
}

/* An operand that is no memory, as a number. */
static bool operand_value(const struct code_text *text, size_t step, const struct code_operand *operand, unsigned depth,
			  uint64_t *ret)
{
	if (operand->kind == CODE_OPERAND_IMMEDIATE) {
		*ret = operand->immediate;
		return true;
	}
	return operand->kind == CODE_OPERAND_REGISTER && code_text_value_before(text, operand->reg, step, depth, ret);
}

static bool is_same_register(const struct code_instruction *at)
{
	return at->operands[0].kind == CODE_OPERAND_REGISTER && at->operands[1].kind == CODE_OPERAND_REGISTER &&
	       at->operands[0].reg == at->operands[1].reg;
}

/* What push, pop and the arithmetic of addresses make of a register. */
static bool value_computed(const struct code_text *text, int number, size_t step, unsigned depth, uint64_t *ret)
{
	const struct code_instruction *at = code_text_step_back(text, step);
	uint64_t before, by;

	switch (at->op) {
	case CODE_OP_PUSH:
	case CODE_OP_POP:
		if (number != CORE_RSP || !code_text_value_before(text, number, step, depth - 1, &before))
			return false;
		*ret = before + (at->op == CODE_OP_PUSH ? (uint64_t)-8 : 8);
		return true;
	case CODE_OP_WIDEN_RAX:
		if (!code_text_value_before(text, CORE_RAX, step, depth - 1, &before))
			return false;
		*ret = (uint64_t)(int64_t)(int32_t)before;
		return true;
	case CODE_OP_XOR:
		*ret = 0;
		return is_same_register(at);
	case CODE_OP_ADD:
	case CODE_OP_SUBTRACT:
	case CODE_OP_SHIFT_LEFT:
		if (at->operands[0].kind != CODE_OPERAND_REGISTER || at->operands[0].bits != 64 ||
		    !code_text_value_before(text, number, step, depth - 1, &before) ||
		    !operand_value(text, step, &at->operands[1], depth - 1, &by))
			return false;
		*ret = at->op == CODE_OP_ADD	    ? before + by
		       : at->op == CODE_OP_SUBTRACT ? before - by
						    : before << (by & 63);
		return true;
	default:
		return false;
	}
}

/* Half of a register, from a register or memory: the other half becomes zero, or copies of its sign. */
static bool half_written(const struct code_text *text, size_t step, unsigned depth, uint64_t *ret)
{
	const struct code_instruction *at = code_text_step_back(text, step);
	const struct code_operand *from = &at->operands[1];
	bool is_signed = at->op == CODE_OP_MOVE_SIGN;
	uint64_t address, value;
	uint32_t half;

	if ((!is_signed && at->op != CODE_OP_MOVE) || from->bits != 32)
		return false;
	if (from->kind == CODE_OPERAND_MEMORY) {
		if (!code_text_address_of(text, step, &from->memory, depth - 1, &address) ||
		    core_read(text->core, address, &half, sizeof(half)) != sizeof(half))
			return false;
	} else {
		if (!operand_value(text, step, from, depth - 1, &value))
			return false;
		half = (uint32_t)value;
	}
	*ret = is_signed ? (uint64_t)(int64_t)(int32_t)half : half;
	return true;
}

/* What an instruction that writes the register leaves in it. */
static bool value_written(const struct code_text *text, int number, size_t step, unsigned depth, uint64_t *ret)
{
	const struct code_instruction *at = code_text_step_back(text, step);
	const struct code_operand *to = &at->operands[0], *from = &at->operands[1];
	uint64_t address;

	if (depth == 0 || code_text_is_call(at))
		return false;
	if (value_computed(text, number, step, depth, ret))
		return true;
	if (at->visible_count < 2 || to->kind != CODE_OPERAND_REGISTER || to->reg != number)
		return false;
	if (half_written(text, step, depth, ret))
		return true;
	if (to->bits != 64)
		return false;
	if (at->op == CODE_OP_ADDRESS)
		return code_text_address_of(text, step, &from->memory, depth - 1, ret);
	if (at->op != CODE_OP_MOVE)
		return false;
	if (from->kind == CODE_OPERAND_REGISTER)
		return from->bits == 64 && from->reg >= 0 &&
		       code_text_value_before(text, from->reg, step, depth - 1, ret);
	if (from->kind == CODE_OPERAND_IMMEDIATE) {
		*ret = from->immediate;
		return true;
	}
	return from->kind == CODE_OPERAND_MEMORY && from->bits == 64 &&
	       code_text_address_of(text, step, &from->memory, depth - 1, &address) &&
	       code_origin_read_word(text->core, address, ret);
}

bool code_text_value_before(const struct code_text *text, int number, size_t step, unsigned depth, uint64_t *ret)
{
	bool changed_since = false;
	size_t writer;

	if (number < 0 || depth == 0)
		return false;
	for (size_t i = 0; i <= step && i < text->count && !changed_since; i++)
		changed_since = code_text_writes(text, code_text_step_back(text, i), number);
	if (!changed_since) {
		*ret = text->registers[number];
		return text->known & 1u << number;
	}
	return code_text_find_writer(text, number, step + 1, &writer) == CODE_TEXT_WRITER &&
	       value_written(text, number, writer, depth, ret);
}
