/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_text.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/core/core_module_elf.h"
#include "analyzer/code/code_origin.h"
#include "common/error.h"

#define FUNCTION_BYTES_MAX 65536
#define CHUNK_BYTES 4096

/* By the symbol, where call frame information does not have it: a file without such is small. */
static bool find_symbol(const struct core_module *module, uint64_t address, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct elf_symbol *symbol;
	struct elf_file *elf;
	struct error *err = core_module_open_elf(module, &elf);

	if (err) {
		error_destroy(err);
		return false;
	}
	symbol = elf_symbol_around(elf, address);
	if (symbol) {
		*ret_start = symbol->address;
		*ret_end = symbol->address + symbol->size;
	}
	elf_destroy(elf);
	return symbol != NULL;
}

bool code_text_find_extent(const struct core *core, uint64_t pc, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct core_module *module = core_find_module(core, pc);
	uint64_t address;

	if (!module || module->elf_fd < 0)
		return false;
	address = pc - module->load_bias;
	if (!core_module_find_frame(module, address, ret_start, ret_end) &&
	    !find_symbol(module, address, ret_start, ret_end))
		return false;
	*ret_start += module->load_bias;
	*ret_end += module->load_bias;
	return pc - *ret_start <= FUNCTION_BYTES_MAX;
}

/* ---- decoding ---- */

static bool is_branch(const struct code_instruction *instruction)
{
	return instruction->flow == CODE_FLOW_JUMP || instruction->flow == CODE_FLOW_BRANCH;
}

static void note_branch(struct code_text *text, const struct code_instruction *step)
{
	struct code_text_branch *branch = &text->branches[text->branch_count];

	if (!step->has_target || text->branch_count == CODE_TEXT_BRANCHES) {
		text->knows_branches = false;
		return;
	}
	*branch = (struct code_text_branch){
		.address = step->address, .target = step->target, .is_always = step->flow == CODE_FLOW_JUMP};
	text->branch_count++;
}

static bool is_load(const struct code_instruction *step)
{
	return step->op == CODE_OP_MOVE && step->operands[0].kind == CODE_OPERAND_REGISTER &&
	       step->operands[0].bits == 64 && step->operands[1].kind == CODE_OPERAND_MEMORY &&
	       step->operands[1].memory.index == CODE_REGISTER_NONE;
}

static void add_walk(struct code_text *text, struct code_text_walk walk)
{
	if (text->walk_count < CODE_TEXT_WALKS)
		text->walks[text->walk_count++] = walk;
}

/* mov R, [R+offset]; or R from a slot, through R, and back into the slot. */
static void note_walk(struct code_text *text, const struct code_instruction last[3])
{
	const struct code_instruction *load = &last[2], *store = &last[2];
	int reg = load->operands[0].reg;

	if (is_load(load) && load->operands[1].memory.base == reg) {
		add_walk(text, (struct code_text_walk){.number = reg, .offset = load->operands[1].memory.displacement});
		return;
	}
	if (store->operands[0].kind != CODE_OPERAND_MEMORY || store->operands[1].kind != CODE_OPERAND_REGISTER ||
	    store->operands[1].bits != 64 || store->operands[0].memory.base != CORE_RBP ||
	    store->operands[0].memory.index != CODE_REGISTER_NONE)
		return;
	reg = store->operands[1].reg;
	if (is_load(&last[0]) && is_load(&last[1]) && last[0].operands[0].reg == reg &&
	    last[1].operands[0].reg == reg && last[1].operands[1].memory.base == reg &&
	    last[0].operands[1].memory.base == CORE_RBP &&
	    last[0].operands[1].memory.displacement == store->operands[0].memory.displacement)
		add_walk(text, (struct code_text_walk){.number = -1,
						       .slot = store->operands[0].memory.displacement,
						       .offset = last[1].operands[1].memory.displacement});
}

static void keep_step(struct code_text *text, const struct code_instruction *step)
{
	text->from_start = text->count < CODE_TEXT_STEPS;
	text->steps[text->next] = *step;
	text->next = (text->next + 1) % CODE_TEXT_STEPS;
	text->count += text->count < CODE_TEXT_STEPS;
}

/* From the function's start on. True when that comes out at the place. */
static bool decode(struct code_text *text, uint8_t *bytes, size_t size)
{
	uint64_t at = text->start;
	struct code_instruction last[3] = {0}, step;
	bool came_by = false;

	text->knows_branches = text->from_start = true;
	while (at < text->start + size) {
		size_t offset = at - text->start;

		came_by |= at == text->place;
		if (!code_decode(text->machine, bytes + offset, size - offset, at,
				 at < text->place ? CODE_WHOLE : CODE_OPERANDS_OF_MOVE, &step))
			break;
		if (is_branch(&step))
			note_branch(text, &step);
		last[0] = last[1];
		last[1] = last[2];
		last[2] = step;
		if (step.op == CODE_OP_MOVE)
			note_walk(text, last);
		if (at < text->place)
			keep_step(text, &step);
		at += step.length;
	}
	came_by |= at == text->place;
	text->knows_branches &= at >= text->end;
	return came_by;
}

struct code_text *code_text_read(const struct core *core, uint64_t place, bool after_call,
				 const uint64_t registers[CORE_REGISTERS], uint32_t known)
{
	struct code_text *text = calloc(1, sizeof(*text));
	uint8_t *bytes = NULL;
	size_t size = 0;
	bool good = false;

	if (!text)
		return NULL;
	text->core = core;
	text->machine = code_machine_of(core->machine);
	text->place = place;
	text->known = known;
	memcpy(text->registers, registers, sizeof(text->registers));
	if (code_text_find_extent(core, place - after_call, &text->start, &text->end) && text->end > text->start) {
		size = text->end - text->start < FUNCTION_BYTES_MAX ? text->end - text->start : FUNCTION_BYTES_MAX;
		bytes = malloc(size);
		size = bytes ? core_read(core, text->start, bytes, size) : 0;
		good = decode(text, bytes, size);
	}
	free(bytes);
	if (good)
		return text;
	free(text);
	return NULL;
}

const struct code_instruction *code_text_step_back(const struct code_text *text, size_t number)
{
	return number < text->count ? &text->steps[(text->next + 2 * CODE_TEXT_STEPS - 1 - number) % CODE_TEXT_STEPS]
				    : NULL;
}

size_t code_text_step_at(const struct code_text *text, uint64_t address)
{
	for (size_t i = 0; i < text->count; i++) {
		if (code_text_step_back(text, i)->address == address)
			return i;
	}
	return SIZE_MAX;
}

bool code_text_is_straight(const struct code_text *text, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < text->branch_count; i++) {
		if (text->branches[i].target > from && text->branches[i].target <= to)
			return false;
	}
	return text->knows_branches;
}

bool code_text_is_in_loop(const struct code_text *text, uint64_t address)
{
	for (size_t i = 0; i < text->branch_count; i++) {
		if (text->branches[i].address >= address && text->branches[i].target <= address &&
		    text->branches[i].target >= text->start)
			return true;
	}
	return false;
}

/* ---- registers ---- */

bool code_text_is_call(const struct code_instruction *step)
{
	return step->flow == CODE_FLOW_CALL || step->flow == CODE_FLOW_SYSTEM_CALL;
}

/* Nothing falls through it. */
static bool ends_flow(const struct code_instruction *step)
{
	return step->flow == CODE_FLOW_JUMP || step->flow == CODE_FLOW_RETURN;
}

bool code_text_writes(const struct code_text *text, const struct code_instruction *step, int number)
{
	if (code_text_is_call(step))
		return !code_is_kept(text->machine, number);
	for (size_t i = 0; i < step->operand_count; i++) {
		const struct code_operand *operand = &step->operands[i];

		if (operand->kind == CODE_OPERAND_REGISTER && operand->writes && operand->reg == number)
			return true;
	}
	return false;
}

/* The number of the step from which the code between `ended`, which nothing falls through, and `from` is entered. */
static bool leads_around(const struct code_text *text, uint64_t ended, uint64_t from, size_t *ret)
{
	const struct code_text_branch *best = NULL;

	for (size_t i = 0; i < text->branch_count; i++) {
		const struct code_text_branch *branch = &text->branches[i];

		if (branch->target > ended && branch->target <= from && branch->address <= ended &&
		    (!best || branch->address > best->address))
			best = branch;
	}
	if (!best)
		return false;
	*ret = code_text_step_at(text, best->address);
	return *ret != SIZE_MAX;
}

/* A jump forward to the condition at the end of a loop, in whose body the walk is. */
static bool enters_loop(const struct code_text *text, const struct code_instruction *jump)
{
	for (size_t i = 0; i < text->branch_count; i++) {
		if (text->branches[i].address == jump->address)
			return text->branches[i].target > jump->address && text->branches[i].target <= text->place;
	}
	return false;
}

/* Walks backwards from number `step` on, around what does not fall through. *ret_next is the number before `at`, which
 * is `step` itself when nothing is in the way. */
static enum code_text_writer skip_ended(const struct code_text *text, uint64_t *from, size_t *step)
{
	const struct code_instruction *at = code_text_step_back(text, *step);

	if (!at)
		return text->from_start ? CODE_TEXT_ENTRY : CODE_TEXT_LOST;
	if (ends_flow(at)) {
		if (!leads_around(text, at->address, *from, step) && !enters_loop(text, at))
			return CODE_TEXT_LOST;
		at = code_text_step_back(text, *step);
	}
	*from = at->address;
	return CODE_TEXT_WRITER;
}

static uint64_t place_behind(const struct code_text *text, size_t step)
{
	const struct code_instruction *at = code_text_step_back(text, step);

	return at ? at->address + at->length : text->start;
}

enum code_text_writer code_text_find_writer(const struct code_text *text, int number, size_t step, size_t *ret)
{
	uint64_t from = place_behind(text, step);

	for (;; step++) {
		enum code_text_writer way = skip_ended(text, &from, &step);

		if (way != CODE_TEXT_WRITER)
			return way;
		if (code_text_writes(text, code_text_step_back(text, step), number)) {
			*ret = step;
			return CODE_TEXT_WRITER;
		}
	}
}

enum code_text_writer code_text_find_store(const struct code_text *text, uint64_t slot, size_t step, size_t *ret)
{
	uint64_t from = place_behind(text, step), address;

	for (;; step++) {
		enum code_text_writer way = skip_ended(text, &from, &step);
		const struct code_instruction *at = code_text_step_back(text, step);
		const struct code_operand *to;

		if (way != CODE_TEXT_WRITER)
			return way;
		to = &at->operands[0];
		if (at->op == CODE_OP_MOVE && to->kind == CODE_OPERAND_MEMORY &&
		    (to->memory.base == CORE_RBP || to->memory.base == CORE_RSP) &&
		    to->memory.index == CODE_REGISTER_NONE && to->bits == 64 &&
		    code_text_address_of(text, step, &to->memory, 4, &address) && address == slot) {
			*ret = step;
			return CODE_TEXT_WRITER;
		}
	}
}
