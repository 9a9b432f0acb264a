/* SPDX-License-Identifier: MIT */
/*
 * Where jumps lead. A jump through a register is either a jump table of the function (a switch, a computed goto) or a
 * tail call through a pointer. Compilers build the two differently, and what is heuristic here is only which of the two
 * it is: the RETs behind a jump table are found in any case, by decoding the function's whole extent.
 */
#include <string.h>

#include "analyzer/code/code_walk.h"

/* endbr64, bnd jmp *disp32(%rip), or what lazy binding puts around it (ld's elf_x86_64_lazy_ibt_plt). */
#define PLT_ENTRY_BYTES 16

static bool in_plt(const struct elf_file *elf, uint64_t address)
{
	const char *section = elf_section_of(elf, address);

	return section &&
	       (strcmp(section, ".plt") == 0 || strncmp(section, ".plt.", 5) == 0 || strcmp(section, ".iplt") == 0);
}

/* The address that an operand names by itself: [rip + x], or [x]. */
static bool static_address(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand,
			   uint64_t address, uint64_t *ret)
{
	if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY)
		return false;
	if (operand->mem.base == ZYDIS_REGISTER_RIP)
		*ret = address + instruction->length + (uint64_t)operand->mem.disp.value;
	else if (operand->mem.base == ZYDIS_REGISTER_NONE && operand->mem.disp.has_displacement)
		*ret = (uint64_t)operand->mem.disp.value;
	else
		return false;
	return true;
}

const char *code_jump_plt_name(const struct code_walk *walk, uint64_t address, bool *ret_is_plt)
{
	uint8_t bytes[PLT_ENTRY_BYTES];
	size_t size, at = 0;

	*ret_is_plt = in_plt(walk->elf, address);
	if (!*ret_is_plt)
		return NULL;
	size = elf_read(walk->elf, address, bytes, sizeof(bytes));
	while (at < size) {
		ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
		const struct elf_slot *slot;
		ZydisDecodedInstruction instruction;
		uint64_t place;

		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&walk->decoder, bytes + at, size - at, &instruction, operands)))
			return NULL;
		if (instruction.mnemonic == ZYDIS_MNEMONIC_JMP) {
			if (!static_address(&instruction, &operands[0], address + at, &place))
				return NULL;
			slot = elf_find_slot(walk->elf, place);
			return slot ? slot->name : NULL;
		}
		at += instruction.length;
	}
	return NULL;
}

/* The function's own code, or that of its split parts. */
static bool is_inside(const struct code_walk *walk, uint64_t address)
{
	for (size_t i = 0; i < walk->region_count; i++) {
		if (address >= walk->regions[i].start && address < walk->regions[i].end)
			return true;
	}
	return false;
}

/* Whether the first word of the table at `place` points into the function. */
static enum code_jump judge_table(const struct code_walk *walk, uint64_t place)
{
	const struct elf_slot *slot = elf_find_slot(walk->elf, place);
	uint64_t entry = 0;

	if (slot && slot->name)
		return CODE_JUMP_TAIL;
	if (slot)
		entry = slot->target;
	else if (elf_read(walk->elf, place, &entry, sizeof(entry)) != sizeof(entry))
		return CODE_JUMP_TABLE;
	/* The start itself is what a table of functions holds, for a function that calls itself through it. */
	return is_inside(walk, entry) && entry != walk->function->address ? CODE_JUMP_TABLE : CODE_JUMP_TAIL;
}

static ZydisRegister whole_register(ZydisRegister part)
{
	return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, part);
}

/* The index in the line of the last instruction before `before` that writes `wanted`, or -1. */
static int find_writer(const struct code_line *line, size_t before, ZydisRegister wanted)
{
	size_t oldest = line->count > LINE_LENGTH ? line->count - LINE_LENGTH : 0;

	for (size_t i = before; i-- > oldest;) {
		const ZydisDecodedInstruction *instruction = &line->entries[i % LINE_LENGTH].instruction;
		const ZydisDecodedOperand *operand = &line->entries[i % LINE_LENGTH].operands[0];

		if (instruction->operand_count_visible > 0 && operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && whole_register(operand->reg.value) == wanted)
			return (int)i;
	}
	return -1;
}

static enum code_jump judge_memory(const struct code_walk *walk, size_t at, const ZydisDecodedOperand *operand,
				   struct code_return_site *site)
{
	const struct code_line *line = &walk->line;
	const ZydisDecodedInstruction *instruction = &line->entries[at % LINE_LENGTH].instruction;
	uint64_t place;

	if (static_address(instruction, operand, line->entries[at % LINE_LENGTH].address, &place)) {
		if (operand->mem.index == ZYDIS_REGISTER_NONE) {
			const struct elf_slot *slot = elf_find_slot(walk->elf, place);

			site->target_name = slot ? slot->name : NULL;
			site->through_plt = slot && slot->name;
			return CODE_JUMP_TAIL;
		}
		return judge_table(walk, place);
	}
	if (operand->mem.index == ZYDIS_REGISTER_NONE)
		return CODE_JUMP_TAIL; /* a method of a table, a pointer in a structure */
	if (operand->mem.base != ZYDIS_REGISTER_NONE) {
		int writer = find_writer(line, at, whole_register(operand->mem.base));

		if (writer >= 0 && line->entries[writer % LINE_LENGTH].instruction.mnemonic == ZYDIS_MNEMONIC_LEA &&
		    static_address(&line->entries[writer % LINE_LENGTH].instruction,
				   &line->entries[writer % LINE_LENGTH].operands[1],
				   line->entries[writer % LINE_LENGTH].address, &place))
			return judge_table(walk, place + (uint64_t)operand->mem.disp.value);
	}
	return CODE_JUMP_TABLE; /* computed gotos keep the table's address in a register */
}

enum code_jump code_jump_classify(const struct code_walk *walk, struct code_return_site *site)
{
	const struct code_line *line = &walk->line;
	size_t last = line->count - 1;
	const ZydisDecodedOperand *operand = &line->entries[last % LINE_LENGTH].operands[0];
	const ZydisDecodedInstruction *writer;
	int at;

	/* GCC and clang mark jump tables so under -fcf-protection, and nothing else (GCC manual, -mno-cet-switch). */
	if (line->entries[last % LINE_LENGTH].instruction.attributes & ZYDIS_ATTRIB_HAS_NOTRACK)
		return CODE_JUMP_TABLE;
	if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return judge_memory(walk, last, operand, site);
	at = find_writer(line, last, whole_register(operand->reg.value));
	if (at < 0)
		return CODE_JUMP_TAIL;
	writer = &line->entries[at % LINE_LENGTH].instruction;
	/* Tables of position-independent code hold distances, to which the table's address is added. */
	if (writer->mnemonic == ZYDIS_MNEMONIC_ADD)
		return CODE_JUMP_TABLE;
	operand = &line->entries[at % LINE_LENGTH].operands[1];
	if (writer->mnemonic == ZYDIS_MNEMONIC_LEA)
		return operand->mem.base != ZYDIS_REGISTER_RIP ? CODE_JUMP_TABLE : CODE_JUMP_TAIL;
	if (writer->mnemonic == ZYDIS_MNEMONIC_MOV && operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
	    operand->mem.index != ZYDIS_REGISTER_NONE)
		return judge_memory(walk, (size_t)at, operand, site);
	return CODE_JUMP_TAIL;
}

bool code_jump_is_part(const char *name, const char *whole, bool *ret_own)
{
	size_t length = whole ? strlen(whole) : 0;

	*ret_own = false;
	if (!length || strncmp(name, whole, length) != 0 || name[length] != '.')
		return false;
	if (strncmp(name + length, ".cold", 5) == 0 && (name[length + 5] == 0 || name[length + 5] == '.')) {
		*ret_own = true;
		return true;
	}
	return strncmp(name + length, ".part.", 6) == 0;
}
