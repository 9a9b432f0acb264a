/* SPDX-License-Identifier: MIT */
/* x86-64, by Zydis, which nothing else includes. Facts are of the Intel SDM, volume 2, where nothing else is named. */
#include <Zydis/Zydis.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/code/code_x86.h"

/* Zydis numbers general registers in the processor's encoding order. */
static const int8_t encoding_order[16] = {
	CORE_RAX, CORE_RCX, CORE_RDX, CORE_RBX, CORE_RSP, CORE_RBP, CORE_RSI, CORE_RDI,
	CORE_R8,  CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15,
};

/* The general register that `name` is or is a part of. */
static int8_t number_of(ZydisRegister name)
{
	if (name >= ZYDIS_REGISTER_RAX && name <= ZYDIS_REGISTER_R15)
		return encoding_order[name - ZYDIS_REGISTER_RAX];
	if (name >= ZYDIS_REGISTER_EAX && name <= ZYDIS_REGISTER_R15D)
		return encoding_order[name - ZYDIS_REGISTER_EAX];
	if (name >= ZYDIS_REGISTER_AX && name <= ZYDIS_REGISTER_R15W)
		return encoding_order[name - ZYDIS_REGISTER_AX];
	if (name >= ZYDIS_REGISTER_AL && name <= ZYDIS_REGISTER_BL)
		return encoding_order[name - ZYDIS_REGISTER_AL];
	if (name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH)
		return encoding_order[name - ZYDIS_REGISTER_AH];
	if (name >= ZYDIS_REGISTER_SPL && name <= ZYDIS_REGISTER_R15B)
		return encoding_order[name - ZYDIS_REGISTER_SPL + 4];
	return CODE_REGISTER_OTHER;
}

static enum code_op op_of(const ZydisDecodedInstruction *instruction)
{
	switch (instruction->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return CODE_OP_MOVE;
	case ZYDIS_MNEMONIC_MOVZX:
		return CODE_OP_MOVE_ZERO;
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		return CODE_OP_MOVE_SIGN;
	case ZYDIS_MNEMONIC_CDQE:
		return CODE_OP_WIDEN_RAX;
	case ZYDIS_MNEMONIC_LEA:
		return CODE_OP_ADDRESS;
	case ZYDIS_MNEMONIC_PUSH:
		return CODE_OP_PUSH;
	case ZYDIS_MNEMONIC_POP:
		return CODE_OP_POP;
	case ZYDIS_MNEMONIC_LEAVE:
		return CODE_OP_LEAVE;
	case ZYDIS_MNEMONIC_ADD:
		return CODE_OP_ADD;
	case ZYDIS_MNEMONIC_SUB:
		return CODE_OP_SUBTRACT;
	case ZYDIS_MNEMONIC_CMP:
		return CODE_OP_COMPARE;
	case ZYDIS_MNEMONIC_AND:
		return CODE_OP_AND;
	case ZYDIS_MNEMONIC_TEST:
		return CODE_OP_TEST;
	case ZYDIS_MNEMONIC_OR:
		return CODE_OP_OR;
	case ZYDIS_MNEMONIC_XOR:
		return CODE_OP_XOR;
	case ZYDIS_MNEMONIC_INC:
		return CODE_OP_INCREMENT;
	case ZYDIS_MNEMONIC_DEC:
		return CODE_OP_DECREMENT;
	case ZYDIS_MNEMONIC_SHL:
		return CODE_OP_SHIFT_LEFT;
	case ZYDIS_MNEMONIC_SHR:
		return CODE_OP_SHIFT_RIGHT;
	case ZYDIS_MNEMONIC_SAR:
		return CODE_OP_SHIFT_RIGHT_SIGNED;
	case ZYDIS_MNEMONIC_IMUL:
		return CODE_OP_MULTIPLY;
	case ZYDIS_MNEMONIC_DIV:
		return CODE_OP_DIVIDE;
	case ZYDIS_MNEMONIC_IDIV:
		return CODE_OP_DIVIDE_SIGNED;
	case ZYDIS_MNEMONIC_XCHG:
		return CODE_OP_EXCHANGE;
	case ZYDIS_MNEMONIC_NOP:
		return CODE_OP_NOTHING;
	case ZYDIS_MNEMONIC_ENDBR64:
		return CODE_OP_LANDING;
	case ZYDIS_MNEMONIC_INT3:
		return CODE_OP_BREAKPOINT;
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
		return CODE_OP_UNDEFINED;
	case ZYDIS_MNEMONIC_HLT:
		return CODE_OP_HALT;
	default:
		break;
	}
	if (instruction->meta.category == ZYDIS_CATEGORY_CMOV)
		return CODE_OP_MOVE_IF;
	return instruction->meta.category == ZYDIS_CATEGORY_SETCC ? CODE_OP_SET_IF : CODE_OP_OTHER;
}

static enum code_flow flow_of(const ZydisDecodedInstruction *instruction)
{
	switch (instruction->meta.category) {
	case ZYDIS_CATEGORY_CALL:
		return CODE_FLOW_CALL;
	case ZYDIS_CATEGORY_SYSCALL:
		return CODE_FLOW_SYSTEM_CALL;
	case ZYDIS_CATEGORY_UNCOND_BR:
		/* xabort jumps only out of a transaction, which then has not happened. */
		return instruction->mnemonic == ZYDIS_MNEMONIC_JMP ? CODE_FLOW_JUMP : CODE_FLOW_NEXT;
	case ZYDIS_CATEGORY_COND_BR:
		return CODE_FLOW_BRANCH;
	case ZYDIS_CATEGORY_RET:
		return CODE_FLOW_RETURN;
	default:
		return CODE_FLOW_NEXT;
	}
}

/* Jcc (70+cc, 0f 80+cc), CMOVcc and SETcc end in the same four bits (volume 1, appendix B). loop, jrcxz and xbegin do
 * not ask the flags, or not them alone. */
static enum code_condition condition_of(const ZydisDecodedInstruction *instruction)
{
	unsigned opcode = instruction->opcode;

	switch (instruction->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		if ((opcode & 0xf0) != 0x70 && (opcode & 0xf0) != 0x80)
			return CODE_IF_OTHER;
		return CODE_IF_OVERFLOW + (opcode & 15);
	case ZYDIS_CATEGORY_CMOV:
	case ZYDIS_CATEGORY_SETCC:
		return CODE_IF_OVERFLOW + (opcode & 15);
	default:
		return CODE_IF_OTHER;
	}
}

static bool is_guarded(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
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
	case ZYDIS_MNEMONIC_INT:
		return true;
	default:
		return false;
	}
}

static void fill_shape(const ZydisDecodedInstruction *from, uint64_t address, struct code_instruction *ret)
{
	ret->address = address;
	ret->length = from->length;
	ret->op = (uint8_t)op_of(from);
	ret->flow = (uint8_t)flow_of(from);
	ret->condition = (uint8_t)condition_of(from);
	ret->has_target = ret->flow != CODE_FLOW_NEXT && from->raw.imm[0].is_relative;
	ret->target = ret->has_target ? address + from->length + from->raw.imm[0].value.u : 0;
	ret->is_far = from->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
	ret->is_repeated = from->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
	ret->is_jump_table = from->attributes & ZYDIS_ATTRIB_HAS_NOTRACK;
	ret->is_privileged = from->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED;
	ret->is_guarded = is_guarded(from->mnemonic);
	ret->operand_count = ret->visible_count = 0;
}

/* A push stores below the stack pointer that it finds; a pop to memory computes its address with the stack pointer
 * already moved (POP). */
static int stack_shift_of(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand)
{
	if (operand->mem.base != ZYDIS_REGISTER_RSP)
		return 0;
	if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand->actions & ZYDIS_OPERAND_ACTION_WRITE)
		return -(operand->size / 8);
	if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT && instruction->mnemonic == ZYDIS_MNEMONIC_POP)
		return operand->size / 8;
	return 0;
}

static int8_t address_part(ZydisRegister name)
{
	return name == ZYDIS_REGISTER_NONE ? CODE_REGISTER_NONE : number_of(name);
}

static void fill_memory(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *from,
			struct code_memory *ret)
{
	const ZydisDecodedOperandMem *memory = &from->mem;
	bool is_pc_relative = memory->base == ZYDIS_REGISTER_RIP || memory->base == ZYDIS_REGISTER_EIP;

	*ret = (struct code_memory){
		.base = is_pc_relative ? CODE_REGISTER_NONE : address_part(memory->base),
		.index = address_part(memory->index),
		.segment = CODE_REGISTER_NONE,
		.scale = memory->scale,
		.address_bits = instruction->address_width,
		.index_bits = memory->index == ZYDIS_REGISTER_AL ? 8 : instruction->address_width,
		.is_pc_relative = is_pc_relative,
		.is_address_only = memory->type == ZYDIS_MEMOP_TYPE_AGEN,
		.stack_shift = (int8_t)stack_shift_of(instruction, from),
		.displacement = memory->disp.has_displacement ? memory->disp.value : 0,
	};
	if (memory->segment == ZYDIS_REGISTER_FS)
		ret->segment = CORE_FS_BASE;
	else if (memory->segment == ZYDIS_REGISTER_GS)
		ret->segment = CORE_GS_BASE;
}

static void fill_operand(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *from,
			 struct code_operand *ret)
{
	ret->is_hidden = from->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
	ret->reads = from->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	ret->writes = from->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	ret->bits = from->size;
	ret->reg = CODE_REGISTER_OTHER;
	ret->is_high_byte = false;
	switch (from->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		ret->kind = CODE_OPERAND_REGISTER;
		ret->reg = number_of(from->reg.value);
		ret->is_high_byte = from->reg.value >= ZYDIS_REGISTER_AH && from->reg.value <= ZYDIS_REGISTER_BH;
		return;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		ret->kind = CODE_OPERAND_MEMORY;
		fill_memory(instruction, from, &ret->memory);
		return;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		ret->kind = CODE_OPERAND_IMMEDIATE;
		ret->immediate = from->imm.value.u;
		return;
	default:
		ret->kind = CODE_OPERAND_OTHER;
	}
}

/* Long mode with its 64-bit stack: making this costs less than the bytes it copies. */
static bool init(ZydisDecoder *decoder)
{
	return ZYAN_SUCCESS(ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
}

static bool decode(const uint8_t *bytes, size_t size, uint64_t address, enum code_detail detail,
		   struct code_instruction *ret)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	ZydisDecoderContext context;
	ZydisDecoder decoder;

	_Static_assert(ZYDIS_MAX_OPERAND_COUNT <= CODE_OPERANDS, "all operands of an instruction");
	_Static_assert(ZYDIS_MAX_INSTRUCTION_LENGTH <= CODE_INSTRUCTION_BYTES, "all bytes of an instruction");
	if (!init(&decoder) ||
	    ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, &context, bytes, size, &instruction)))
		return false;
	fill_shape(&instruction, address, ret);
	if (detail == CODE_SHAPE || (detail == CODE_OPERANDS_OF_MOVE && ret->op != CODE_OP_MOVE))
		return true;
	if (ZYAN_FAILED(
		    ZydisDecoderDecodeOperands(&decoder, &context, &instruction, operands, instruction.operand_count)))
		return false;
	ret->operand_count = instruction.operand_count;
	ret->visible_count = instruction.operand_count_visible;
	for (size_t i = 0; i < instruction.operand_count; i++)
		fill_operand(&instruction, &operands[i], &ret->operands[i]);
	for (size_t i = instruction.operand_count; i < 2; i++)
		ret->operands[i] = (struct code_operand){.reg = CODE_REGISTER_OTHER};
	return true;
}

/* The alignment that a vector instruction demands of its memory operand ("Exceptions Type 1" to "4"; Zydis names the
 * types). Old SSE instructions demand it of every 16-byte operand, except the few made for unaligned data; VEX and EVEX
 * only where the name says so. */
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

static void name_instruction(const ZydisDecodedInstruction *instruction, struct code_description *ret)
{
	const char *set = ZydisISASetGetString(instruction->meta.isa_set);
	const char *extension = ZydisISAExtGetString(instruction->meta.isa_ext);

	snprintf(ret->mnemonic, sizeof(ret->mnemonic), "%s", ZydisMnemonicGetString(instruction->mnemonic) ?: "");
	if (instruction->meta.isa_ext != ZYDIS_ISA_EXT_BASE && instruction->meta.isa_ext != ZYDIS_ISA_EXT_LONGMODE)
		snprintf(ret->set, sizeof(ret->set), "%s", set ?: extension ?: "");
}

static bool describe(const uint8_t *bytes, size_t size, uint64_t address, struct code_description *ret)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	ZydisFormatter formatter;
	ZydisDecoder decoder;

	*ret = (struct code_description){0};
	if (!init(&decoder) || ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, size, &instruction, operands)) ||
	    ZYAN_FAILED(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)))
		return false;
	name_instruction(&instruction, ret);
	if (ZYAN_FAILED(ZydisFormatterFormatInstruction(&formatter, &instruction, operands,
							instruction.operand_count_visible, ret->text, sizeof(ret->text),
							address, NULL)))
		ret->text[0] = '\0';
	for (size_t i = 0; i < instruction.operand_count; i++) {
		const ZydisDecodedOperand *operand = &operands[i];
		char *text = ret->operands[i].text;
		bool is_memory = operand->type == ZYDIS_OPERAND_TYPE_MEMORY;

		if (is_memory)
			ret->operands[i].alignment = alignment_of(&instruction, operand->size / 8);
		if (operand->visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
		    ZYAN_SUCCESS(ZydisFormatterFormatOperand(&formatter, &instruction, operand, text,
							     sizeof(ret->operands[i].text), address, NULL)))
			continue;
		text[0] = '\0';
		if (is_memory)
			snprintf(text, sizeof(ret->operands[i].text), "[%s]",
				 ZydisRegisterGetString(operand->mem.base) ?: "?");
	}
	return true;
}

/* Registers: System V ABI, AMD64 supplement, "Register Usage". */
const struct code_machine code_machine_x86 = {
	.name = "x86-64",
	.elf_machine = EM_X86_64,
	.kept_by_calls = 1u << CORE_RBX | 1u << CORE_RBP | 1u << CORE_RSP | 1u << CORE_R12 | 1u << CORE_R13 |
			 1u << CORE_R14 | 1u << CORE_R15,
	.arguments = 1u << CORE_RDI | 1u << CORE_RSI | 1u << CORE_RDX | 1u << CORE_RCX | 1u << CORE_R8 | 1u << CORE_R9,
	.skipped_prefix = 0xf0,
	.decode = decode,
	.describe = describe,
	.may_be_call = code_x86_may_be_call,
	.call_before = code_x86_call_before,
	.stub_slot = code_x86_stub_slot,
	.next_stub = code_x86_next_stub,
	.next_transfer = code_x86_next_transfer,
};
