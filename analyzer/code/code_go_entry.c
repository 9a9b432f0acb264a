/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_go_entry.h"

#include <Zydis/Zydis.h>

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

/* cmp REG, [g + 0x10]: REG is the stack pointer, or what it will be, in a register that holds no argument. */
static bool compares_limit(const struct check *check, const ZydisDecodedInstruction *instruction,
			   const ZydisDecodedOperand *operands)
{
	ZydisRegister left = operands[0].reg.value, g = operands[1].mem.base;

	if (instruction->mnemonic != ZYDIS_MNEMONIC_CMP || operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    operands[1].type != ZYDIS_OPERAND_TYPE_MEMORY || operands[1].mem.index != ZYDIS_REGISTER_NONE ||
	    operands[1].mem.disp.value != STACK_GUARD)
		return false;
	return (left == ZYDIS_REGISTER_RSP || left == ZYDIS_REGISTER_R12 ||
		(check->has_g && left == ZYDIS_REGISTER_RAX)) &&
	       g == (check->has_g ? ZYDIS_REGISTER_RCX : ZYDIS_REGISTER_R14);
}

/* What may go before the comparison: it touches neither the stack nor an argument. */
static bool may_precede(struct check *check, const ZydisDecodedInstruction *instruction,
			const ZydisDecodedOperand *operands)
{
	switch (instruction->mnemonic) {
	case ZYDIS_MNEMONIC_ENDBR64:
	case ZYDIS_MNEMONIC_JB: /* the subtraction went round */
		return true;
	case ZYDIS_MNEMONIC_MOV:
		if (operands[0].reg.value == ZYDIS_REGISTER_RCX && operands[1].mem.segment == ZYDIS_REGISTER_FS)
			return check->has_g = true;
		/* fall through */
	case ZYDIS_MNEMONIC_LEA:
	case ZYDIS_MNEMONIC_SUB:
		return operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		       (operands[0].reg.value == ZYDIS_REGISTER_R12 ||
			(check->has_g && operands[0].reg.value == ZYDIS_REGISTER_RAX));
	default:
		return false;
	}
}

uint64_t code_go_entry_skip(const struct elf_file *elf, const struct code_function *function)
{
	uint8_t bytes[CHECK_BYTES_MAX];
	size_t size = elf_read(elf, function->address, bytes, sizeof(bytes)), at = 0;
	struct check check = {0};
	ZydisDecoder decoder;

	if (size > function->size)
		size = function->size;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (unsigned i = 0; i < CHECK_INSTRUCTIONS_MAX && at < size; i++) {
		ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
		ZydisDecodedInstruction instruction;

		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes + at, size - at, &instruction, operands)))
			return 0;
		at += instruction.length;
		if (check.compared)
			return instruction.mnemonic == ZYDIS_MNEMONIC_JBE && at < function->size ? at : 0;
		check.compared = compares_limit(&check, &instruction, operands);
		if (!check.compared && !may_precede(&check, &instruction, operands))
			return 0;
	}
	return 0;
}
