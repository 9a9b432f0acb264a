/* SPDX-License-Identifier: MIT */
#include "analyzer/fault.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

/* Zydis numbers the general registers in the processor's encoding order: rax rcx rdx rbx rsp rbp rsi rdi r8…r15. */
static const enum core_register encoding_order[16] = {
	CORE_RAX, CORE_RCX, CORE_RDX, CORE_RBX, CORE_RSP, CORE_RBP, CORE_RSI, CORE_RDI,
	CORE_R8,  CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15,
};

static void fill_context(const uint64_t registers[CORE_REGISTERS], ZydisRegisterContext *context)
{
	*context = (ZydisRegisterContext){0};
	for (int i = 0; i < 16; i++) {
		context->values[ZYDIS_REGISTER_RAX + i] = registers[encoding_order[i]];
		context->values[ZYDIS_REGISTER_EAX + i] = (uint32_t)registers[encoding_order[i]];
	}
	context->values[ZYDIS_REGISTER_RIP] = registers[CORE_RIP];
	context->values[ZYDIS_REGISTER_EIP] = (uint32_t)registers[CORE_RIP];
	context->values[ZYDIS_REGISTER_RFLAGS] = registers[CORE_EFLAGS];
}

static bool non_canonical(uint64_t address)
{
	/* Bits 63 to 47 must agree. With five-level paging it is bits 63 to 56, but the kernel hands addresses above
	 * 2^47 only to programs that ask for them. */
	int64_t high = (int64_t)address >> 47;

	return high != 0 && high != -1;
}

static void add_operand(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand,
			const uint64_t registers[CORE_REGISTERS], const ZydisRegisterContext *context,
			const ZydisFormatter *formatter, const ZydisDecodedOperand *operands, struct fault *fault)
{
	struct fault_operand *out = &fault->operands[fault->operand_count];
	ZyanU64 address;

	(void)operands;
	if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN ||
	    fault->operand_count == FAULT_MAX_OPERANDS)
		return;
	if (ZYAN_FAILED(ZydisCalcAbsoluteAddressEx(instruction, operand, registers[CORE_RIP], context, &address)))
		return;
	if (operand->mem.segment == ZYDIS_REGISTER_FS)
		address += registers[CORE_FS_BASE];
	else if (operand->mem.segment == ZYDIS_REGISTER_GS)
		address += registers[CORE_GS_BASE];
	/* A push stores below the stack pointer that it finds. */
	if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand->mem.base == ZYDIS_REGISTER_RSP &&
	    operand->actions & ZYDIS_OPERAND_ACTION_WRITE)
		address -= operand->size / 8;
	/* A pop to memory computes its address with the stack pointer already moved (Intel SDM, POP). */
	if (instruction->mnemonic == ZYDIS_MNEMONIC_POP && operand->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
	    operand->mem.base == ZYDIS_REGISTER_RSP)
		address += operand->size / 8;
	*out = (struct fault_operand){
		.address = address,
		.bytes = operand->size / 8,
		.reads = operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ,
		.writes = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE,
	};
	if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN ||
	    ZYAN_FAILED(ZydisFormatterFormatOperand(formatter, instruction, operand, out->text, sizeof(out->text),
						    registers[CORE_RIP], NULL)))
		snprintf(out->text, sizeof(out->text), "[%s]", ZydisRegisterGetString(operand->mem.base) ?: "?");
	fault->operand_count++;
}

static void choose_operand(struct fault *fault)
{
	const struct fault_operand *chosen = NULL;

	if (fault->source == ADDRESS_UNKNOWN) {
		for (size_t i = 0; i < fault->operand_count; i++) {
			if (!non_canonical(fault->operands[i].address))
				continue;
			if (chosen)
				return; /* more than one could be it */
			chosen = &fault->operands[i];
		}
		if (!chosen)
			return;
		fault->address = chosen->address;
		fault->source = ADDRESS_INSTRUCTION;
	}
	for (size_t i = 0; i < fault->operand_count && !chosen; i++) {
		/* An access that straddles a page faults at the page's start, so the address may lie inside the
		 * operand. */
		if (fault->address - fault->operands[i].address < (fault->operands[i].bytes ?: 1))
			chosen = &fault->operands[i];
	}
	if (chosen)
		fault->access = chosen->writes ? ACCESS_WRITE : ACCESS_READ;
}

void fault_decode(const uint8_t *bytes, size_t size, const uint64_t registers[CORE_REGISTERS], struct fault *fault)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	ZydisRegisterContext context;
	ZydisFormatter formatter;
	ZydisDecoder decoder;

	if (ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
	    ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, size, &instruction, operands)) ||
	    ZYAN_FAILED(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)))
		return;
	if (ZYAN_FAILED(ZydisFormatterFormatInstruction(&formatter, &instruction, operands,
							instruction.operand_count_visible, fault->instruction,
							sizeof(fault->instruction), registers[CORE_RIP], NULL)))
		fault->instruction[0] = 0;
	if (!fault->is_fault)
		return;
	fill_context(registers, &context);
	for (int i = 0; i < instruction.operand_count; i++)
		add_operand(&instruction, &operands[i], registers, &context, &formatter, operands, fault);
	choose_operand(fault);
}
