/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_ifunc.h"

#include <stdlib.h>

#include "analyzer/code/code_machine.h"
#include "common/cleanup.h"

/* Resolvers are a few hundred bytes. */
#define RESOLVER_BYTES_MAX 65536u

/* The address that the instruction loads: the one of an operand, or a constant. */
static uint64_t loaded_address(const struct code_instruction *instruction)
{
	const struct code_operand *from = &instruction->operands[1];

	if (instruction->op == CODE_OP_ADDRESS && from->memory.is_pc_relative)
		return instruction->address + instruction->length + (uint64_t)from->memory.displacement;
	/* Programs that are not position-independent. */
	if (instruction->op == CODE_OP_MOVE && from->kind == CODE_OPERAND_IMMEDIATE)
		return from->immediate;
	return 0;
}

/* Whether a function other than the resolver begins at `address`. */
static bool starts_function(const struct elf_file *elf, const struct code_function *resolver, uint64_t address)
{
	const struct elf_symbol *symbol = elf_symbol_at(elf, address);
	uint64_t offset, start, end;

	if (address == 0 || address == resolver->address || !elf_file_offset(elf, address, true, &offset))
		return false;
	return symbol || (elf_find_frame(elf, address, &start, &end) && start == address);
}

struct error *code_ifunc_candidates(const struct elf_file *elf, const struct code_function *resolver,
				    struct code_function **ret, size_t *ret_count)
{
	size_t size = resolver->size < RESOLVER_BYTES_MAX ? resolver->size : RESOLVER_BYTES_MAX, count = 0;
	cleanup_free uint8_t *bytes = malloc(size + 1);
	cleanup_free struct code_function *functions = NULL;
	const struct code_machine *machine = code_machine_of(elf->machine);
	struct error *err = NULL;

	*ret = NULL;
	*ret_count = 0;
	if (!bytes)
		return &error_no_memory;
	size = elf_read(elf, resolver->address, bytes, size);
	for (size_t at = 0; at < size && !err;) {
		struct code_instruction instruction;
		uint64_t address;

		if (!code_decode(machine, bytes + at, size - at, resolver->address + at, CODE_WHOLE, &instruction))
			break;
		address = loaded_address(&instruction);
		if (starts_function(elf, resolver, address))
			err = code_add_function_at(elf, address, &functions, &count);
		at += instruction.length;
	}
	if (!err) {
		*ret = take_pointer(functions);
		*ret_count = count;
	}
	return err;
}
