/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/fault.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

/* Zydis numbers the general registers in the processor's encoding order: rax rcx rdx rbx rsp rbp rsi rdi r8…r15. */
static const enum core_register encoding_order[16] = {
	CORE_RAX, CORE_RCX, CORE_RDX, CORE_RBX, CORE_RSP, CORE_RBP, CORE_RSI, CORE_RDI,
	CORE_R8,  CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15,
};

struct decoded {
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisRegisterContext context;
	ZydisFormatter formatter;
	const uint64_t *registers;
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

static bool decode(const uint8_t *bytes, size_t size, const uint64_t *registers, struct decoded *out)
{
	ZydisDecoder decoder;

	if (ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
	    ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, size, &out->instruction, out->operands)) ||
	    ZYAN_FAILED(ZydisFormatterInit(&out->formatter, ZYDIS_FORMATTER_STYLE_INTEL)))
		return false;
	out->registers = registers;
	fill_context(registers, &out->context);
	return true;
}

static void format(const struct decoded *decoded, uint64_t address, char *text, size_t size)
{
	if (ZYAN_FAILED(ZydisFormatterFormatInstruction(&decoded->formatter, &decoded->instruction, decoded->operands,
							decoded->instruction.operand_count_visible, text, size, address,
							NULL)))
		text[0] = '\0';
}

/* The core_register that `reg` is or is a part of; -1 for another kind. */
static int core_register_of(ZydisRegister reg)
{
	ZydisRegister whole;

	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return CORE_RIP;
	whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return -1;
	return (int)encoding_order[whole - ZYDIS_REGISTER_RAX];
}

static uint64_t register_value(const struct decoded *decoded, ZydisRegister reg)
{
	int number = core_register_of(reg);
	unsigned width = ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, reg);
	uint64_t value = number < 0 ? 0 : decoded->registers[number];

	if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
		value >>= 8;
	return width < 64 ? value & ((1ULL << width) - 1) : value;
}

/* ---- memory operands ---- */

/* The alignment that a vector instruction demands of its memory operand (Intel SDM, volume 2, "Exceptions Type 1" to
 * "4"; Zydis names the types). Old SSE instructions demand it of every 16-byte operand, except the few made for
 * unaligned data; VEX and EVEX only where the name says so. */
static unsigned alignment_of(const ZydisDecodedInstruction *instruction, unsigned bytes)
{
	switch (instruction->mnemonic) {
	case ZYDIS_MNEMONIC_MOVUPS:
	case ZYDIS_MNEMONIC_MOVUPD:
	case ZYDIS_MNEMONIC_MOVDQU:
	case ZYDIS_MNEMONIC_LDDQU:
	case ZYDIS_MNEMONIC_PCMPESTRI:
	case ZYDIS_MNEMONIC_PCMPESTRM:
	case ZYDIS_MNEMONIC_PCMPISTRI:
	case ZYDIS_MNEMONIC_PCMPISTRM:
	case ZYDIS_MNEMONIC_MASKMOVDQU:
		return 0;
	case ZYDIS_MNEMONIC_CMPXCHG16B:
	case ZYDIS_MNEMONIC_FXSAVE:
	case ZYDIS_MNEMONIC_FXSAVE64:
	case ZYDIS_MNEMONIC_FXRSTOR:
	case ZYDIS_MNEMONIC_FXRSTOR64:
		return 16;
	case ZYDIS_MNEMONIC_XSAVE:
	case ZYDIS_MNEMONIC_XSAVE64:
	case ZYDIS_MNEMONIC_XSAVEC:
	case ZYDIS_MNEMONIC_XSAVEC64:
	case ZYDIS_MNEMONIC_XRSTOR:
	case ZYDIS_MNEMONIC_XRSTOR64:
		return 64;
	default:
		break;
	}
	switch (instruction->meta.exception_class) {
	case ZYDIS_EXCEPTION_CLASS_SSE1:
	case ZYDIS_EXCEPTION_CLASS_SSE2:
	case ZYDIS_EXCEPTION_CLASS_SSE4:
		return bytes == 16 ? 16 : 0;
	case ZYDIS_EXCEPTION_CLASS_AVX1:
	case ZYDIS_EXCEPTION_CLASS_E1:
	case ZYDIS_EXCEPTION_CLASS_E1NF:
		return bytes >= 16 && bytes <= 64 ? bytes : 0;
	default:
		return 0;
	}
}

static bool operand_address(const struct decoded *decoded, const ZydisDecodedOperand *operand, uint64_t *ret_address)
{
	const ZydisDecodedInstruction *instruction = &decoded->instruction;
	ZyanU64 address;

	if (operand->mem.type == ZYDIS_MEMOP_TYPE_VSIB ||
	    ZYAN_FAILED(ZydisCalcAbsoluteAddressEx(instruction, operand, decoded->registers[CORE_RIP],
						   &decoded->context, &address)))
		return false;
	if (operand->mem.segment == ZYDIS_REGISTER_FS)
		address += decoded->registers[CORE_FS_BASE];
	else if (operand->mem.segment == ZYDIS_REGISTER_GS)
		address += decoded->registers[CORE_GS_BASE];
	/* A push stores below the stack pointer that it finds. */
	if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand->mem.base == ZYDIS_REGISTER_RSP &&
	    operand->actions & ZYDIS_OPERAND_ACTION_WRITE)
		address -= operand->size / 8;
	/* A pop to memory computes its address with the stack pointer already moved (Intel SDM, POP). */
	if (instruction->mnemonic == ZYDIS_MNEMONIC_POP && operand->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
	    operand->mem.base == ZYDIS_REGISTER_RSP)
		address += operand->size / 8;
	*ret_address = address;
	return true;
}

static void add_operand(const struct decoded *decoded, const ZydisDecodedOperand *operand, struct fault *fault)
{
	struct fault_operand *out = &fault->operands[fault->operand_count];
	bool hidden = operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
	uint64_t address;

	if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN ||
	    fault->operand_count == FAULT_MAX_OPERANDS || !operand_address(decoded, operand, &address))
		return;
	*out = (struct fault_operand){
		.address = address,
		.bytes = operand->size / 8,
		.reads = operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ,
		.writes = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE,
		.is_stack =
			hidden && (operand->mem.base == ZYDIS_REGISTER_RSP || operand->mem.base == ZYDIS_REGISTER_RBP),
		.alignment = alignment_of(&decoded->instruction, operand->size / 8),
		.has_segment = operand->mem.segment == ZYDIS_REGISTER_FS || operand->mem.segment == ZYDIS_REGISTER_GS,
		.base = core_register_of(operand->mem.base),
		.index = core_register_of(operand->mem.index),
		.scale = operand->mem.scale,
		.displacement = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0,
	};
	if (hidden ||
	    ZYAN_FAILED(ZydisFormatterFormatOperand(&decoded->formatter, &decoded->instruction, operand, out->text,
						    sizeof(out->text), decoded->registers[CORE_RIP], NULL)))
		snprintf(out->text, sizeof(out->text), "[%s]", ZydisRegisterGetString(operand->mem.base) ?: "?");
	fault->operand_count++;
}

static void choose_operand(struct fault *fault)
{
	size_t chosen = SIZE_MAX;

	if (fault->source == ADDRESS_UNKNOWN) {
		for (size_t i = 0; i < fault->operand_count; i++) {
			if (!place_is_non_canonical(fault->operands[i].address))
				continue;
			if (chosen != SIZE_MAX)
				return; /* more than one could be it */
			chosen = i;
		}
		if (chosen == SIZE_MAX)
			return;
		fault->address = fault->operands[chosen].address;
		fault->source = ADDRESS_INSTRUCTION;
		fault->cause = FAULT_NON_CANONICAL;
	}
	for (size_t i = 0; i < fault->operand_count && chosen == SIZE_MAX; i++) {
		/* An access that straddles a page faults at the page's start, so the address may lie inside the
		 * operand. */
		if (fault->address - fault->operands[i].address < (fault->operands[i].bytes ?: 1))
			chosen = i;
	}
	if (chosen == SIZE_MAX)
		return;
	fault->operand = chosen;
	fault->access = fault->operands[chosen].writes ? ACCESS_WRITE : ACCESS_READ;
}

/* ---- branches, divisions ---- */

static void note_branch(const struct decoded *decoded, struct fault *fault)
{
	const ZydisDecodedInstruction *instruction = &decoded->instruction;
	const ZydisDecodedOperand *operand = &decoded->operands[0];
	struct fault_branch *branch = &fault->branch;
	ZyanU64 target;

	switch (instruction->meta.category) {
	case ZYDIS_CATEGORY_CALL:
		branch->kind = BRANCH_CALL;
		break;
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_COND_BR:
		branch->kind = BRANCH_JUMP;
		break;
	case ZYDIS_CATEGORY_RET:
		branch->kind = BRANCH_RETURN;
		branch->has_slot = true;
		branch->slot = decoded->registers[CORE_RSP];
		return;
	default:
		return;
	}
	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		branch->target_known = true;
		branch->target = register_value(decoded, operand->reg.value);
	} else if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		   ZYAN_SUCCESS(
			   ZydisCalcAbsoluteAddress(instruction, operand, decoded->registers[CORE_RIP], &target))) {
		branch->target_known = true;
		branch->target = target;
	} else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
		branch->has_slot = operand_address(decoded, operand, &branch->slot);
	}
}

static void note_division(const struct decoded *decoded, struct fault *fault)
{
	const ZydisDecodedOperand *operand = &decoded->operands[0];
	struct fault_division *division = &fault->division;
	const uint64_t *registers = decoded->registers;
	uint64_t mask;

	if (decoded->instruction.mnemonic != ZYDIS_MNEMONIC_DIV && decoded->instruction.mnemonic != ZYDIS_MNEMONIC_IDIV)
		return;
	division->is_signed = decoded->instruction.mnemonic == ZYDIS_MNEMONIC_IDIV;
	division->bits = operand->size;
	if (division->bits != 8 && division->bits != 16 && division->bits != 32 && division->bits != 64)
		return;
	mask = division->bits == 64 ? UINT64_MAX : (1ULL << division->bits) - 1;
	/* Eight bits divide ax, all others rdx:rax or the lower parts of both (Intel SDM, DIV). */
	division->dividend_low = registers[CORE_RAX] & mask;
	division->dividend_high = division->bits == 8 ? registers[CORE_RAX] >> 8 & mask : registers[CORE_RDX] & mask;
	if (ZYAN_FAILED(ZydisFormatterFormatOperand(&decoded->formatter, &decoded->instruction, operand,
						    division->operand, sizeof(division->operand), registers[CORE_RIP],
						    NULL)))
		division->operand[0] = '\0';
	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		division->known = true;
		division->divisor = register_value(decoded, operand->reg.value);
	} else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
		division->has_slot = operand_address(decoded, operand, &division->slot);
	}
}

static bool is_privileged(const ZydisDecodedInstruction *instruction)
{
	switch (instruction->mnemonic) {
	/* Refused by the I/O permission level or bitmap, not by the privilege level. */
	case ZYDIS_MNEMONIC_IN:
	case ZYDIS_MNEMONIC_OUT:
	case ZYDIS_MNEMONIC_INSB:
	case ZYDIS_MNEMONIC_INSW:
	case ZYDIS_MNEMONIC_INSD:
	case ZYDIS_MNEMONIC_OUTSB:
	case ZYDIS_MNEMONIC_OUTSW:
	case ZYDIS_MNEMONIC_OUTSD:
	case ZYDIS_MNEMONIC_CLI:
	case ZYDIS_MNEMONIC_STI:
	/* An interrupt whose gate is the kernel's alone. */
	case ZYDIS_MNEMONIC_INT:
		return true;
	default:
		return instruction->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED;
	}
}

static void note_instruction(const struct decoded *decoded, struct fault *fault)
{
	const ZydisDecodedInstruction *instruction = &decoded->instruction;
	const char *set = ZydisISASetGetString(instruction->meta.isa_set);
	const char *extension = ZydisISAExtGetString(instruction->meta.isa_ext);

	fault->operand = SIZE_MAX;
	fault->length = instruction->length;
	fault->is_privileged = is_privileged(instruction);
	snprintf(fault->mnemonic, sizeof(fault->mnemonic), "%s", ZydisMnemonicGetString(instruction->mnemonic) ?: "");
	if (instruction->meta.isa_ext != ZYDIS_ISA_EXT_BASE && instruction->meta.isa_ext != ZYDIS_ISA_EXT_LONGMODE)
		snprintf(fault->instruction_set, sizeof(fault->instruction_set), "%s", set ?: extension ?: "");
	format(decoded, decoded->registers[CORE_RIP], fault->instruction, sizeof(fault->instruction));
}

bool fault_decode(const uint8_t *bytes, size_t size, const uint64_t registers[CORE_REGISTERS], struct fault *fault)
{
	struct decoded decoded;

	if (!decode(bytes, size, registers, &decoded))
		return false;
	note_instruction(&decoded, fault);
	note_branch(&decoded, fault);
	note_division(&decoded, fault);
	if (!fault->is_fault)
		return true;
	for (int i = 0; i < decoded.instruction.operand_count; i++)
		add_operand(&decoded, &decoded.operands[i], fault);
	choose_operand(fault);
	return true;
}

bool fault_decode_call(const struct core *core, const uint8_t *bytes, size_t size, uint64_t address,
		       const uint64_t registers[CORE_REGISTERS], char *text, size_t text_size, bool *ret_indirect,
		       bool *ret_target_known, uint64_t *ret_target)
{
	uint64_t then[CORE_REGISTERS];
	struct fault fault = {0};
	struct decoded decoded;

	memcpy(then, registers, sizeof(then));
	then[CORE_RIP] = address;
	if (!decode(bytes, size, then, &decoded) || decoded.instruction.length != size ||
	    decoded.instruction.meta.category != ZYDIS_CATEGORY_CALL)
		return false;
	note_branch(&decoded, &fault);
	*ret_indirect = decoded.operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE;
	*ret_target_known = fault.branch.target_known;
	*ret_target = fault.branch.target;
	if (fault.branch.has_slot)
		*ret_target_known = core_read_word(core, fault.branch.slot, ret_target);
	format(&decoded, address, text, text_size);
	return true;
}

bool fault_is_inside_instruction(const struct core *core, uint64_t start, uint64_t address)
{
	ZydisDecodedInstruction instruction;
	ZydisDecoder decoder;

	if (ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return false;
	while (start < address) {
		uint8_t bytes[15];
		size_t size = core_read(core, start, bytes, sizeof(bytes));

		if (!size || ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, size, &instruction)))
			return false;
		start += instruction.length;
	}
	return start > address;
}

const char *fault_register_name(int core_register)
{
	static const char *const names[CORE_REGISTERS] = {
		"r15",	  "r14", "r13", "r12",	   "rbp",     "rbx", "r11",	 "r10", "r9",
		"r8",	  "rax", "rcx", "rdx",	   "rsi",     "rdi", "orig_rax", "rip", "cs",
		"eflags", "rsp", "ss",	"fs_base", "gs_base", "ds",  "es",	 "fs",	"gs",
	};

	return core_register >= 0 && core_register < CORE_REGISTERS ? names[core_register] : "?";
}
