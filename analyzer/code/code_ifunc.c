/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_ifunc.h"

#include <Zydis/Zydis.h>
#include <stdlib.h>

#include "common/cleanup.h"

/* Resolvers are a few hundred bytes. */
#define RESOLVER_BYTES_MAX 65536u

/* The address that the instruction at `address` loads: lea or mov of an address of code. */
static uint64_t loaded_address(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operands,
			       uint64_t address)
{
	if (instruction->mnemonic == ZYDIS_MNEMONIC_LEA && operands[1].mem.base == ZYDIS_REGISTER_RIP)
		return address + instruction->length + (uint64_t)operands[1].mem.disp.value;
	/* Programs that are not position-independent. */
	if (instruction->mnemonic == ZYDIS_MNEMONIC_MOV && operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return operands[1].imm.value.u;
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
	struct error *err = NULL;
	ZydisDecoder decoder;

	*ret = NULL;
	*ret_count = 0;
	if (!bytes)
		return &error_no_memory;
	size = elf_read(elf, resolver->address, bytes, size);
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t at = 0; at < size && !err;) {
		ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
		ZydisDecodedInstruction instruction;
		uint64_t address;

		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes + at, size - at, &instruction, operands)))
			break;
		address = loaded_address(&instruction, operands, resolver->address + at);
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
