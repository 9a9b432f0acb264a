/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_origin.h"

#include "analyzer/code/code_origin_way.h"

#define STEPS_MAX 48	       /* copies, spills and arguments on one way */
#define FRAME_BYTES_MAX 65536u /* how far above the stack pointer a function's own slots lie */

/* ---- loads ---- */

static bool is_slot(const struct code_text *text, const ZydisDecodedOperandMem *memory, uint64_t address)
{
	if ((memory->base != ZYDIS_REGISTER_RSP && memory->base != ZYDIS_REGISTER_RBP) ||
	    memory->index != ZYDIS_REGISTER_NONE || !(text->known & 1u << CORE_RSP))
		return false;
	return address >= text->registers[CORE_RSP] && address - text->registers[CORE_RSP] < FRAME_BYTES_MAX;
}

static void found_word(const struct code_way *way, size_t step, const ZydisDecodedOperandMem *memory, uint64_t address,
		       struct code_origin *ret)
{
	int base = memory->base == ZYDIS_REGISTER_RIP ? -1 : code_text_register(memory->base);

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
static enum code_way_progress follow_slot(struct code_way *way, size_t load, const ZydisDecodedOperandMem *memory,
					  uint64_t slot, struct code_origin *ret)
{
	const struct code_text_step *at;
	size_t store;

	found_word(way, load, memory, slot, ret);
	ret->through.number = -1;
	if (code_text_find_store(way->text, slot, load + 1, &store) != CODE_TEXT_WRITER) {
		code_way_walk_lists(way, ret);
		return CODE_WAY_STOP;
	}
	code_way_go_back_to(way, store);
	at = code_text_step_back(way->text, store);
	if (at->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		*ret = (struct code_origin){
			.end = CODE_ORIGIN_CONSTANT, .value = way->value, .is_exact = way->is_exact};
		return CODE_WAY_STOP;
	}
	way->number = code_text_register(at->operands[1].reg.value);
	return way->number >= 0 ? CODE_WAY_GO_ON : CODE_WAY_STOP;
}

static enum code_way_progress follow_load(struct code_way *way, size_t writer, struct code_origin *ret)
{
	const ZydisDecodedOperandMem *memory = &code_text_step_back(way->text, writer)->operands[1].mem;
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

static bool is_zeroing(const struct code_text_step *at)
{
	const ZydisDecodedOperand *to = &at->operands[0], *from = &at->operands[1];

	return (at->instruction.mnemonic == ZYDIS_MNEMONIC_XOR || at->instruction.mnemonic == ZYDIS_MNEMONIC_SUB) &&
	       from->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       code_text_register(to->reg.value) == code_text_register(from->reg.value);
}

static bool is_conditional_move(const struct code_text_step *at)
{
	return at->instruction.meta.category == ZYDIS_CATEGORY_CMOV;
}

static void follow(struct code_way *way, unsigned depth, struct code_origin *ret);

/* Either of the two: the one that memory confirms. */
static void follow_either(struct code_way *way, size_t writer, unsigned depth, struct code_origin *ret)
{
	const ZydisDecodedOperand *from = &code_text_step_back(way->text, writer)->operands[1];
	struct code_way other = *way;

	way->is_exact = other.is_exact = false;
	if (depth == 0)
		return;
	if (from->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		other.number = code_text_register(from->reg.value);
		follow(&other, depth - 1, ret);
	} else {
		follow_load(&other, writer, ret);
	}
	if (ret->end == CODE_ORIGIN_LOST)
		follow(way, depth - 1, ret);
}

/* A constant that was added since: then it is that much less which was read. */
static bool take_off(struct code_way *way, const struct code_text_step *at)
{
	const ZydisDecodedOperandMem *memory = &at->operands[1].mem;

	if (at->operands[0].size != 64)
		return false;
	if (at->instruction.mnemonic == ZYDIS_MNEMONIC_LEA && memory->index == ZYDIS_REGISTER_NONE &&
	    memory->base != ZYDIS_REGISTER_RIP && memory->base != ZYDIS_REGISTER_RSP) {
		way->value -= memory->disp.has_displacement ? (uint64_t)memory->disp.value : 0;
		way->number = code_text_register(memory->base);
		return way->number >= 0;
	}
	if (at->instruction.mnemonic != ZYDIS_MNEMONIC_ADD || at->operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return false;
	way->value -= at->operands[1].imm.value.u;
	return true;
}

static enum code_way_progress follow_writer(struct code_way *way, size_t writer, unsigned depth,
					    struct code_origin *ret)
{
	const struct code_text_step *at = code_text_step_back(way->text, writer);
	const ZydisDecodedOperand *to = &at->operands[0], *from = &at->operands[1];

	code_way_go_back_to(way, writer);
	if (code_text_is_call(at)) {
		if (way->number == CORE_RAX)
			*ret = (struct code_origin){
				.end = CODE_ORIGIN_RETURNED, .value = way->value, .is_exact = way->is_exact};
		return CODE_WAY_STOP;
	}
	if (to->type != ZYDIS_OPERAND_TYPE_REGISTER || at->instruction.operand_count_visible < 2)
		return CODE_WAY_STOP;
	if (is_conditional_move(at)) {
		follow_either(way, writer, depth, ret);
		return CODE_WAY_STOP;
	}
	if (is_zeroing(at) ||
	    (at->instruction.mnemonic == ZYDIS_MNEMONIC_MOV && from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)) {
		*ret = (struct code_origin){
			.end = CODE_ORIGIN_CONSTANT, .value = way->value, .is_exact = way->is_exact};
		return CODE_WAY_STOP;
	}
	if (take_off(way, at))
		return CODE_WAY_GO_ON;
	if (at->instruction.mnemonic != ZYDIS_MNEMONIC_MOV || to->size != 64 || from->size != 64)
		return CODE_WAY_STOP;
	if (from->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return follow_load(way, writer, ret);
	way->number = code_text_register(from->reg.value);
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
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ZydisDecodedInstruction call;
	ZydisDecoder decoder;
	size_t size;

	*ret = (struct code_origin){.end = CODE_ORIGIN_LOST, .through = {.number = -1}};
	size = text ? core_read(search->core, text->place, bytes, sizeof(bytes)) : 0;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!size || ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, size, &call, operands)) ||
	    (call.meta.category != ZYDIS_CATEGORY_CALL && call.meta.category != ZYDIS_CATEGORY_UNCOND_BR))
		return;
	way.from = text->place;
	if (operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER) {
		way.number = code_text_register(operands[0].reg.value);
		if (way.number >= 0)
			follow(&way, 3, ret);
		return;
	}
	if (operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
		const ZydisDecodedOperandMem *memory = &operands[0].mem;
		int base = code_text_register(memory->base), index = code_text_register(memory->index);
		uint64_t address = memory->disp.has_displacement ? (uint64_t)memory->disp.value : 0, word;

		if (memory->base == ZYDIS_REGISTER_RIP)
			address += text->place + call.length;
		else if (base >= 0)
			address += text->registers[base];
		if (index >= 0)
			address += text->registers[index] * memory->scale;
		if (memory->segment == ZYDIS_REGISTER_FS || memory->segment == ZYDIS_REGISTER_GS ||
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
