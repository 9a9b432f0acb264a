/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/fault.h"

#include <stdio.h>
#include <string.h>

/* An instruction, in words too, and what it meets. */
struct decoded {
	struct code_instruction instruction;
	struct code_description words;
	const uint64_t *registers;
};

static bool decode(const struct code_machine *machine, const uint8_t *bytes, size_t size, const uint64_t *registers,
		   struct decoded *out)
{
	out->registers = registers;
	return code_decode(machine, bytes, size, registers[CORE_RIP], CODE_WHOLE, &out->instruction) &&
	       code_describe(machine, bytes, size, registers[CORE_RIP], &out->words);
}

static int number_or_none(int reg)
{
	return reg < 0 ? -1 : reg;
}

static void add_operand(const struct decoded *decoded, size_t number, struct fault *fault)
{
	const struct code_operand *operand = &decoded->instruction.operands[number];
	struct fault_operand *out = &fault->operands[fault->operand_count];
	const struct code_memory *memory = &operand->memory;
	uint64_t address;

	if (operand->kind != CODE_OPERAND_MEMORY || memory->is_address_only ||
	    fault->operand_count == FAULT_MAX_OPERANDS ||
	    !code_operand_address(&decoded->instruction, operand, decoded->registers, &address))
		return;
	*out = (struct fault_operand){
		.address = address,
		.bytes = operand->bits / 8,
		.reads = operand->reads,
		.writes = operand->writes,
		.is_stack = operand->is_hidden && (memory->base == CORE_RSP || memory->base == CORE_RBP),
		.alignment = decoded->words.operands[number].alignment,
		.has_segment = memory->segment != CODE_REGISTER_NONE,
		.base = memory->is_pc_relative ? CORE_RIP : number_or_none(memory->base),
		.index = number_or_none(memory->index),
		.scale = memory->scale,
		.displacement = memory->displacement,
	};
	snprintf(out->text, sizeof(out->text), "%s", decoded->words.operands[number].text);
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
	const struct code_instruction *instruction = &decoded->instruction;
	const struct code_operand *operand = &instruction->operands[0];
	struct fault_branch *branch = &fault->branch;

	switch (instruction->flow) {
	case CODE_FLOW_CALL:
		branch->kind = BRANCH_CALL;
		break;
	case CODE_FLOW_JUMP:
	case CODE_FLOW_BRANCH:
		branch->kind = BRANCH_JUMP;
		break;
	case CODE_FLOW_RETURN:
		branch->kind = BRANCH_RETURN;
		branch->has_slot = true;
		branch->slot = decoded->registers[CORE_RSP];
		return;
	default:
		return;
	}
	if (instruction->has_target) {
		branch->target_known = true;
		branch->target = instruction->target;
	} else if (operand->kind == CODE_OPERAND_REGISTER) {
		branch->target_known = true;
		branch->target = code_operand_register(operand, decoded->registers);
	} else if (operand->kind == CODE_OPERAND_MEMORY) {
		branch->has_slot = code_operand_address(instruction, operand, decoded->registers, &branch->slot);
	}
}

static void note_division(const struct decoded *decoded, struct fault *fault)
{
	const struct code_operand *operand = &decoded->instruction.operands[0];
	struct fault_division *division = &fault->division;
	const uint64_t *registers = decoded->registers;
	uint64_t mask;

	if (decoded->instruction.op != CODE_OP_DIVIDE && decoded->instruction.op != CODE_OP_DIVIDE_SIGNED)
		return;
	division->is_signed = decoded->instruction.op == CODE_OP_DIVIDE_SIGNED;
	division->bits = operand->bits;
	if (division->bits != 8 && division->bits != 16 && division->bits != 32 && division->bits != 64)
		return;
	mask = division->bits == 64 ? UINT64_MAX : (1ULL << division->bits) - 1;
	/* Eight bits divide ax, all others rdx:rax or the lower parts of both (Intel SDM, DIV). */
	division->dividend_low = registers[CORE_RAX] & mask;
	division->dividend_high = division->bits == 8 ? registers[CORE_RAX] >> 8 & mask : registers[CORE_RDX] & mask;
	snprintf(division->operand, sizeof(division->operand), "%s", decoded->words.operands[0].text);
	if (operand->kind == CODE_OPERAND_REGISTER) {
		division->known = true;
		division->divisor = code_operand_register(operand, registers);
	} else if (operand->kind == CODE_OPERAND_MEMORY) {
		division->has_slot = code_operand_address(&decoded->instruction, operand, registers, &division->slot);
	}
}

static void note_instruction(const struct decoded *decoded, struct fault *fault)
{
	fault->operand = SIZE_MAX;
	fault->length = decoded->instruction.length;
	fault->is_privileged = decoded->instruction.is_privileged || decoded->instruction.is_guarded;
	snprintf(fault->mnemonic, sizeof(fault->mnemonic), "%s", decoded->words.mnemonic);
	snprintf(fault->instruction_set, sizeof(fault->instruction_set), "%s", decoded->words.set);
	snprintf(fault->instruction, sizeof(fault->instruction), "%s", decoded->words.text);
}

bool fault_decode(const struct code_machine *machine, const uint8_t *bytes, size_t size,
		  const uint64_t registers[CORE_REGISTERS], struct fault *fault)
{
	struct decoded decoded;

	if (!decode(machine, bytes, size, registers, &decoded))
		return false;
	note_instruction(&decoded, fault);
	note_branch(&decoded, fault);
	note_division(&decoded, fault);
	if (!fault->is_fault)
		return true;
	for (size_t i = 0; i < decoded.instruction.operand_count; i++)
		add_operand(&decoded, i, fault);
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
	if (!decode(code_machine_of(core->machine), bytes, size, then, &decoded) ||
	    decoded.instruction.length != size || decoded.instruction.flow != CODE_FLOW_CALL)
		return false;
	note_branch(&decoded, &fault);
	*ret_indirect = !decoded.instruction.has_target;
	*ret_target_known = fault.branch.target_known;
	*ret_target = fault.branch.target;
	if (fault.branch.has_slot)
		*ret_target_known = core_read_word(core, fault.branch.slot, ret_target);
	snprintf(text, text_size, "%s", decoded.words.text);
	return true;
}

bool fault_is_inside_instruction(const struct core *core, uint64_t start, uint64_t address)
{
	struct code_instruction instruction;

	while (start < address) {
		if (!code_decode_at(core, start, CODE_SHAPE, &instruction))
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
