/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_origin.h"

#include "analyzer/code/code_origin_way.h"

#define STEPS_MAX 48	       /* copies, spills and arguments on one way */
#define FRAME_BYTES_MAX 65536u /* how far above the stack pointer a function's own slots lie */

/* ---- loads ---- */

static bool is_slot(const struct code_text *text, const struct code_memory *memory, uint64_t address)
{
	if ((memory->base != CORE_RSP && memory->base != CORE_RBP) || memory->index != CODE_REGISTER_NONE ||
	    !(text->known & 1u << CORE_RSP))
		return false;
	return address >= text->registers[CORE_RSP] && address - text->registers[CORE_RSP] < FRAME_BYTES_MAX;
}

static void found_word(const struct code_way *way, size_t step, const struct code_memory *memory, uint64_t address,
		       struct code_origin *ret)
{
	int base = memory->is_pc_relative ? -1 : memory->base;

	*ret = (struct code_origin){.end = CODE_ORIGIN_WORD,
				    .address = address,
				    .value = way->value,
				    .is_exact = way->is_exact,
				    .through = {.place = way->place, .number = -1}};
	if (base < 0 || base == CORE_RSP ||
	    !code_text_value_before(way->text, base, step, CODE_ORIGIN_DEPTH, &ret->through.value))
		return;
	ret->through.number = base;
	ret->through.at = code_text_step_back(way->text, step)->address;
}

/* What was read from the frame is followed to what was stored there. *ret is the slot until something better is found.
 */
static enum code_way_progress follow_slot(struct code_way *way, size_t load, const struct code_memory *memory,
					  uint64_t slot, struct code_origin *ret)
{
	const struct code_instruction *at;
	size_t store;

	found_word(way, load, memory, slot, ret);
	ret->through.number = -1;
	if (code_text_find_store(way->text, slot, load + 1, &store) != CODE_TEXT_WRITER) {
		code_way_walk_lists(way, ret);
		return CODE_WAY_STOP;
	}
	code_way_go_back_to(way, store);
	at = code_text_step_back(way->text, store);
	if (at->operands[1].kind == CODE_OPERAND_IMMEDIATE) {
		*ret = (struct code_origin){
			.end = CODE_ORIGIN_CONSTANT, .value = way->value, .is_exact = way->is_exact};
		return CODE_WAY_STOP;
	}
	way->number = at->operands[1].reg;
	return way->number >= 0 ? CODE_WAY_GO_ON : CODE_WAY_STOP;
}

static enum code_way_progress follow_load(struct code_way *way, size_t writer, struct code_origin *ret)
{
	const struct code_memory *memory = &code_text_step_back(way->text, writer)->operands[1].memory;
	uint64_t address, word;

	if (code_text_address_of(way->text, writer, memory, CODE_ORIGIN_DEPTH, &address) &&
	    code_origin_read_word(way->search->core, address, &word) && word == way->value) {
		if (is_slot(way->text, memory, address))
			return follow_slot(way, writer, memory, address, ret);
		found_word(way, writer, memory, address, ret);
		return CODE_WAY_STOP;
	}
	code_way_walk_lists(way, ret);
	return CODE_WAY_STOP;
}

/* ---- one step back ---- */

static bool is_zeroing(const struct code_instruction *at)
{
	const struct code_operand *to = &at->operands[0], *from = &at->operands[1];

	return (at->op == CODE_OP_XOR || at->op == CODE_OP_SUBTRACT) && from->kind == CODE_OPERAND_REGISTER &&
	       to->reg == from->reg;
}

static bool is_conditional_move(const struct code_instruction *at)
{
	return at->op == CODE_OP_MOVE_IF;
}

static void follow(struct code_way *way, unsigned depth, struct code_origin *ret);

/* Either of the two: the one that memory confirms. */
static void follow_either(struct code_way *way, size_t writer, unsigned depth, struct code_origin *ret)
{
	const struct code_operand *from = &code_text_step_back(way->text, writer)->operands[1];
	struct code_way other = *way;

	way->is_exact = other.is_exact = false;
	if (depth == 0)
		return;
	if (from->kind == CODE_OPERAND_REGISTER) {
		other.number = from->reg;
		follow(&other, depth - 1, ret);
	} else {
		follow_load(&other, writer, ret);
	}
	if (ret->end == CODE_ORIGIN_LOST)
		follow(way, depth - 1, ret);
}

/* A constant that was added since: then it is that much less which was read. */
static bool take_off(struct code_way *way, const struct code_instruction *at)
{
	const struct code_memory *memory = &at->operands[1].memory;

	if (at->operands[0].bits != 64)
		return false;
	if (at->op == CODE_OP_ADDRESS && memory->index == CODE_REGISTER_NONE && !memory->is_pc_relative &&
	    memory->base != CORE_RSP) {
		way->value -= (uint64_t)memory->displacement;
		way->number = memory->base;
		return way->number >= 0;
	}
	if (at->op != CODE_OP_ADD || at->operands[1].kind != CODE_OPERAND_IMMEDIATE)
		return false;
	way->value -= at->operands[1].immediate;
	return true;
}

static enum code_way_progress follow_writer(struct code_way *way, size_t writer, unsigned depth,
					    struct code_origin *ret)
{
	const struct code_instruction *at = code_text_step_back(way->text, writer);
	const struct code_operand *to = &at->operands[0], *from = &at->operands[1];

	code_way_go_back_to(way, writer);
	if (code_text_is_call(at)) {
		if (way->number == CORE_RAX)
			*ret = (struct code_origin){
				.end = CODE_ORIGIN_RETURNED, .value = way->value, .is_exact = way->is_exact};
		return CODE_WAY_STOP;
	}
	if (to->kind != CODE_OPERAND_REGISTER || at->visible_count < 2)
		return CODE_WAY_STOP;
	if (is_conditional_move(at)) {
		follow_either(way, writer, depth, ret);
		return CODE_WAY_STOP;
	}
	if (is_zeroing(at) || (at->op == CODE_OP_MOVE && from->kind == CODE_OPERAND_IMMEDIATE)) {
		*ret = (struct code_origin){
			.end = CODE_ORIGIN_CONSTANT, .value = way->value, .is_exact = way->is_exact};
		return CODE_WAY_STOP;
	}
	if (take_off(way, at))
		return CODE_WAY_GO_ON;
	if (at->op != CODE_OP_MOVE || to->bits != 64 || from->bits != 64)
		return CODE_WAY_STOP;
	if (from->kind == CODE_OPERAND_MEMORY)
		return follow_load(way, writer, ret);
	way->number = from->reg;
	return way->number >= 0 ? CODE_WAY_GO_ON : CODE_WAY_STOP;
}

static void follow(struct code_way *way, unsigned depth, struct code_origin *ret)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		size_t writer;

		switch (code_text_find_writer(way->text, way->number, way->step, &writer)) {
		case CODE_TEXT_WRITER:
			if (follow_writer(way, writer, depth, ret) == CODE_WAY_STOP)
				return;
			break;
		case CODE_TEXT_ENTRY:
			/* Walked on since, further down in the text. */
			if (ret->end == CODE_ORIGIN_LOST &&
			    !code_text_is_straight(way->text, way->text->start, way->from) &&
			    code_way_walk_lists(way, ret))
				return;
			if (!code_way_enter_caller(way))
				return;
			break;
		case CODE_TEXT_LOST:
			if (ret->end == CODE_ORIGIN_LOST)
				code_way_walk_lists(way, ret);
			return;
		}
	}
}

void code_origin_follow(struct code_origin_search *search, const struct code_origin_value *value,
			struct code_origin *ret)
{
	struct code_way way = {.search = search,
			       .text = code_origin_text_of(search, value->place),
			       .place = value->place,
			       .number = value->number,
			       .value = value->value,
			       .is_exact = true};

	*ret = (struct code_origin){.end = CODE_ORIGIN_LOST, .through = {.number = -1}};
	if (!way.text || value->number < 0)
		return;
	way.from = value->at ?: way.text->place;
	if (value->at) {
		way.step = code_text_step_at(way.text, value->at);
		if (way.step == SIZE_MAX)
			return;
		way.step++;
	} else if (search->places[value->place].after_call) {
		way.step = 1;
	}
	if (value->at == 0 && !search->places[value->place].after_call) {
		enum code_way_progress progress;

		while (code_way_run_again(&way, way.from, &progress, ret)) {
			if (progress == CODE_WAY_STOP || !code_way_enter_caller(&way))
				return;
		}
	}
	follow(&way, 3, ret);
}

void code_origin_of_call(struct code_origin_search *search, uint64_t target, struct code_origin *ret)
{
	const struct code_text *text = code_origin_text_of(search, 0);
	struct code_way way = {.search = search, .text = text, .value = target, .is_exact = true};
	const struct code_operand *operand;
	struct code_instruction call;

	*ret = (struct code_origin){.end = CODE_ORIGIN_LOST, .through = {.number = -1}};
	if (!text || !code_decode_at(search->core, text->place, CODE_WHOLE, &call) ||
	    (call.flow != CODE_FLOW_CALL && call.flow != CODE_FLOW_JUMP))
		return;
	operand = &call.operands[0];
	way.from = text->place;
	if (operand->kind == CODE_OPERAND_REGISTER) {
		way.number = operand->reg;
		if (way.number >= 0)
			follow(&way, 3, ret);
		return;
	}
	if (operand->kind == CODE_OPERAND_MEMORY) {
		int base = operand->memory.base;
		uint64_t address, word;

		if (operand->memory.segment != CODE_REGISTER_NONE ||
		    !code_operand_address(&call, operand, text->registers, &address) ||
		    !code_origin_read_word(search->core, address, &word) || word != target)
			return;
		*ret = (struct code_origin){.end = CODE_ORIGIN_WORD,
					    .address = address,
					    .value = word,
					    .is_exact = true,
					    .through = {.number = base >= 0 && base != CORE_RSP ? base : -1}};
		if (base >= 0)
			ret->through.value = text->registers[base];
	}
}
