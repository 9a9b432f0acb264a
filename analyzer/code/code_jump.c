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

const char *code_jump_plt_name(const struct code_walk *walk, uint64_t address, bool *ret_is_plt)
{
	uint8_t bytes[PLT_ENTRY_BYTES];
	size_t size, at = 0;

	*ret_is_plt = in_plt(walk->elf, address);
	if (!*ret_is_plt)
		return NULL;
	size = elf_read(walk->elf, address, bytes, sizeof(bytes));
	while (at < size) {
		struct code_instruction instruction;
		const struct elf_slot *slot;
		uint64_t place;

		if (!code_decode(walk->machine, bytes + at, size - at, address + at, CODE_WHOLE, &instruction))
			return NULL;
		if (instruction.flow == CODE_FLOW_JUMP) {
			if (!code_static_address(&instruction, &instruction.operands[0], &place))
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

/* The index in the line of the last instruction before `before` that writes `wanted`, or -1. */
static int find_writer(const struct code_line *line, size_t before, int wanted)
{
	size_t oldest = line->count > LINE_LENGTH ? line->count - LINE_LENGTH : 0;

	for (size_t i = before; i-- > oldest;) {
		const struct code_instruction *instruction = &line->entries[i % LINE_LENGTH];
		const struct code_operand *operand = &instruction->operands[0];

		if (instruction->visible_count > 0 && operand->kind == CODE_OPERAND_REGISTER && operand->writes &&
		    operand->reg == wanted)
			return (int)i;
	}
	return -1;
}

static enum code_jump judge_memory(const struct code_walk *walk, size_t at, const struct code_operand *operand,
				   struct code_return_site *site)
{
	const struct code_line *line = &walk->line;
	uint64_t place;

	if (code_static_address(&line->entries[at % LINE_LENGTH], operand, &place)) {
		if (operand->memory.index == CODE_REGISTER_NONE) {
			const struct elf_slot *slot = elf_find_slot(walk->elf, place);

			site->target_name = slot ? slot->name : NULL;
			site->through_plt = slot && slot->name;
			return CODE_JUMP_TAIL;
		}
		return judge_table(walk, place);
	}
	if (operand->memory.index == CODE_REGISTER_NONE)
		return CODE_JUMP_TAIL; /* a method of a table, a pointer in a structure */
	if (operand->memory.base >= 0) {
		int writer = find_writer(line, at, operand->memory.base);
		const struct code_instruction *load = writer >= 0 ? &line->entries[writer % LINE_LENGTH] : NULL;

		if (load && load->op == CODE_OP_ADDRESS && code_static_address(load, &load->operands[1], &place))
			return judge_table(walk, place + (uint64_t)operand->memory.displacement);
	}
	return CODE_JUMP_TABLE; /* computed gotos keep the table's address in a register */
}

enum code_jump code_jump_classify(const struct code_walk *walk, struct code_return_site *site)
{
	const struct code_line *line = &walk->line;
	size_t last = line->count - 1;
	const struct code_instruction *jump = &line->entries[last % LINE_LENGTH], *writer;
	const struct code_operand *operand = &jump->operands[0];
	int at;

	/* GCC and clang mark jump tables so under -fcf-protection, and nothing else (GCC manual, -mno-cet-switch). */
	if (jump->is_jump_table)
		return CODE_JUMP_TABLE;
	if (operand->kind == CODE_OPERAND_MEMORY)
		return judge_memory(walk, last, operand, site);
	at = find_writer(line, last, operand->reg);
	if (at < 0)
		return CODE_JUMP_TAIL;
	writer = &line->entries[at % LINE_LENGTH];
	/* Tables of position-independent code hold distances, to which the table's address is added. */
	if (writer->op == CODE_OP_ADD)
		return CODE_JUMP_TABLE;
	operand = &writer->operands[1];
	if (writer->op == CODE_OP_ADDRESS)
		return !operand->memory.is_pc_relative ? CODE_JUMP_TABLE : CODE_JUMP_TAIL;
	if (writer->op == CODE_OP_MOVE && operand->kind == CODE_OPERAND_MEMORY &&
	    operand->memory.index != CODE_REGISTER_NONE)
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
