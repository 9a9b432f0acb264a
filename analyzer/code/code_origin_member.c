/* SPDX-License-Identifier: MIT */
/* How the pointer in a register came to be there, for the names of members; and how memory is read. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/code/code_origin.h"
#include "analyzer/code/code_text.h"

#define PAGE_BYTES 4096ULL
#define DEPTH_MAX 8

static bool is_blank(const struct core_segment *segment, const struct core *core, uint64_t address)
{
	return segment && segment->dumped_bytes == 0 && segment->flags && !core_find_file(core, address) &&
	       !core_find_module(core, address);
}

bool code_origin_read_word(const struct core *core, uint64_t address, uint64_t *ret_word)
{
	if (core_read_word(core, address, ret_word))
		return true;
	if (!is_blank(core_find_segment(core, address), core, address) ||
	    core_find_segment(core, address) != core_find_segment(core, address + 7))
		return false;
	*ret_word = 0;
	return true;
}

bool code_origin_page_is_zero(const struct core *core, uint64_t address)
{
	static const uint8_t zeroes[PAGE_BYTES];
	uint8_t page[PAGE_BYTES];

	address &= ~(PAGE_BYTES - 1);
	if (core_read(core, address, page, sizeof(page)) == sizeof(page))
		return memcmp(page, zeroes, sizeof(page)) == 0;
	return is_blank(core_find_segment(core, address), core, address);
}

/* The link behind the last one, when the writer is a copy or a load. False: the chain ends. */
static bool follow_link(const struct code_text *text, size_t writer, struct code_pointer_link *last,
			struct code_pointer_link *next)
{
	const struct code_instruction *at = code_text_step_back(text, writer);
	const struct code_operand *from = &at->operands[1];
	uint64_t source;

	if (at->op != CODE_OP_MOVE || at->operands[0].kind != CODE_OPERAND_REGISTER || at->operands[0].bits != 64 ||
	    from->bits != 64)
		return false;
	*next = (struct code_pointer_link){.at = at->address, .reg = -1};
	if (from->kind == CODE_OPERAND_REGISTER) {
		next->is_copy = true;
		next->reg = from->reg;
		return next->reg >= 0;
	}
	if (from->kind != CODE_OPERAND_MEMORY || from->memory.segment == CORE_FS_BASE ||
	    from->memory.segment == CORE_GS_BASE)
		return false;
	if (code_text_address_of(text, writer, &from->memory, DEPTH_MAX, &source))
		last->slot = source;
	next->offset = from->memory.displacement;
	next->reg = from->memory.is_pc_relative ? -1 : from->memory.base;
	return next->reg >= 0 && next->reg != CORE_RSP && from->memory.index == CODE_REGISTER_NONE && next->offset >= 0;
}

static size_t follow_links(const struct code_text *text, struct code_pointer_link ret_links[CODE_POINTER_LINKS])
{
	size_t count = 1, step = 0, writer;

	while (count < CODE_POINTER_LINKS &&
	       code_text_find_writer(text, ret_links[count - 1].reg, step, &writer) == CODE_TEXT_WRITER &&
	       code_text_is_straight(text, code_text_step_back(text, writer)->address, text->place)) {
		if (!follow_link(text, writer, &ret_links[count - 1], &ret_links[count]))
			break;
		step = writer + 1;
		count++;
	}
	return count;
}

size_t code_origin_of_pointer(const struct core *core, const uint64_t registers[CORE_REGISTERS], int number,
			      struct code_pointer_link ret_links[CODE_POINTER_LINKS])
{
	struct code_text *text = code_text_read(core, registers[CORE_RIP], false, registers, ~0u);
	size_t count = 1;
	uint64_t source;

	ret_links[0] = (struct code_pointer_link){.reg = number, .at = registers[CORE_RIP]};
	if (text)
		count = follow_links(text, ret_links);
	free(text);
	/* The word must still hold what was read from it. */
	for (size_t i = 0; i < count && (i == 0 || ret_links[i].is_copy); i++) {
		if (ret_links[i].slot &&
		    (!code_origin_read_word(core, ret_links[i].slot, &source) || source != registers[number])) {
			ret_links[i].slot = 0;
			return i + 1;
		}
	}
	return count;
}
