/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_instruction.h"

bool code_static_address(const struct code_instruction *instruction, const struct code_operand *operand,
			 uint64_t *ret_address)
{
	const struct code_memory *memory = &operand->memory;

	if (operand->kind != CODE_OPERAND_MEMORY || memory->base != CODE_REGISTER_NONE)
		return false;
	*ret_address = (uint64_t)memory->displacement;
	if (memory->is_pc_relative)
		*ret_address += instruction->address + instruction->length;
	*ret_address = code_lowest_bits(*ret_address, memory->address_bits);
	return true;
}

bool code_operand_address(const struct code_instruction *instruction, const struct code_operand *operand,
			  const uint64_t registers[CORE_REGISTERS], uint64_t *ret_address)
{
	const struct code_memory *memory = &operand->memory;
	uint64_t address = (uint64_t)memory->displacement;

	if (operand->kind != CODE_OPERAND_MEMORY || memory->base == CODE_REGISTER_OTHER ||
	    memory->index == CODE_REGISTER_OTHER)
		return false;
	if (memory->is_pc_relative)
		address += instruction->address + instruction->length;
	if (memory->base >= 0)
		address += code_lowest_bits(registers[memory->base], memory->address_bits);
	if (memory->index >= 0)
		address += code_lowest_bits(registers[memory->index], memory->index_bits) * memory->scale;
	address = code_lowest_bits(address, memory->address_bits);
	if (memory->segment >= 0)
		address += registers[memory->segment];
	*ret_address = address + (uint64_t)(int64_t)memory->stack_shift;
	return true;
}

uint64_t code_operand_register(const struct code_operand *operand, const uint64_t registers[CORE_REGISTERS])
{
	uint64_t value = operand->reg < 0 ? 0 : registers[operand->reg];

	return code_lowest_bits(operand->is_high_byte ? value >> 8 : value, operand->bits);
}
