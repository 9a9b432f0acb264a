/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/origin.h"

#include "analyzer/facts/origin_way.h"

#define STEPS_MAX 48	       /* copies, spills and arguments on one way */
#define FRAME_BYTES_MAX 65536u /* how far above the stack pointer a function's own slots lie */

/* ---- loads ---- */

static bool is_slot(const struct text *text, const ZydisDecodedOperandMem *memory, uint64_t address)
{
	if ((memory->base != ZYDIS_REGISTER_RSP && memory->base != ZYDIS_REGISTER_RBP) ||
	    memory->index != ZYDIS_REGISTER_NONE || !(text->known & 1u << CORE_RSP))
		return false;
	return address >= text->registers[CORE_RSP] && address - text->registers[CORE_RSP] < FRAME_BYTES_MAX;
}

static void found_word(const struct way *way, size_t step, const ZydisDecodedOperandMem *memory, uint64_t address,
		       struct origin *ret)
{
	int base = memory->base == ZYDIS_REGISTER_RIP ? -1 : text_register(memory->base);

	*ret = (struct origin){.end = ORIGIN_WORD,
			       .address = address,
			       .value = way->value,
			       .is_exact = way->is_exact,
			       .through = {.place = way->place, .number = -1}};
	if (base < 0 || base == CORE_RSP ||
	    !text_value_before(way->text, base, step, ORIGIN_DEPTH, &ret->through.value))
		return;
	ret->through.number = base;
	ret->through.at = text_step_back(way->text, step)->address;
}

/* What was read from the frame is followed to what was stored there. *ret is the slot until something better is found.
 */
static enum way_progress follow_slot(struct way *way, size_t load, const ZydisDecodedOperandMem *memory, uint64_t slot,
				     struct origin *ret)
{
	const struct text_step *at;
	size_t store;

	found_word(way, load, memory, slot, ret);
	ret->through.number = -1;
	if (text_find_store(way->text, slot, load + 1, &store) != TEXT_WRITER) {
		way_walk_lists(way, ret);
		return WAY_STOP;
	}
	way_go_back_to(way, store);
	at = text_step_back(way->text, store);
	if (at->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		*ret = (struct origin){.end = ORIGIN_CONSTANT, .value = way->value, .is_exact = way->is_exact};
		return WAY_STOP;
	}
	way->number = text_register(at->operands[1].reg.value);
	return way->number >= 0 ? WAY_GO_ON : WAY_STOP;
}

static enum way_progress follow_load(struct way *way, size_t writer, struct origin *ret)
{
	const ZydisDecodedOperandMem *memory = &text_step_back(way->text, writer)->operands[1].mem;
	uint64_t address, word;

	if (text_address_of(way->text, writer, memory, ORIGIN_DEPTH, &address) &&
	    origin_read_word(way->search->core, address, &word) && word == way->value) {
		if (is_slot(way->text, memory, address))
			return follow_slot(way, writer, memory, address, ret);
		found_word(way, writer, memory, address, ret);
		return WAY_STOP;
	}
	way_walk_lists(way, ret);
	return WAY_STOP;
}

/* ---- one step back ---- */

static bool is_zeroing(const struct text_step *at)
{
	const ZydisDecodedOperand *to = &at->operands[0], *from = &at->operands[1];

	return (at->instruction.mnemonic == ZYDIS_MNEMONIC_XOR || at->instruction.mnemonic == ZYDIS_MNEMONIC_SUB) &&
	       from->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       text_register(to->reg.value) == text_register(from->reg.value);
}

static bool is_conditional_move(const struct text_step *at)
{
	return at->instruction.meta.category == ZYDIS_CATEGORY_CMOV;
}

static void follow(struct way *way, unsigned depth, struct origin *ret);

/* Either of the two: the one that memory confirms. */
static void follow_either(struct way *way, size_t writer, unsigned depth, struct origin *ret)
{
	const ZydisDecodedOperand *from = &text_step_back(way->text, writer)->operands[1];
	struct way other = *way;

	way->is_exact = other.is_exact = false;
	if (depth == 0)
		return;
	if (from->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		other.number = text_register(from->reg.value);
		follow(&other, depth - 1, ret);
	} else {
		follow_load(&other, writer, ret);
	}
	if (ret->end == ORIGIN_LOST)
		follow(way, depth - 1, ret);
}

/* A constant that was added since: then it is that much less which was read. */
static bool take_off(struct way *way, const struct text_step *at)
{
	const ZydisDecodedOperandMem *memory = &at->operands[1].mem;

	if (at->operands[0].size != 64)
		return false;
	if (at->instruction.mnemonic == ZYDIS_MNEMONIC_LEA && memory->index == ZYDIS_REGISTER_NONE &&
	    memory->base != ZYDIS_REGISTER_RIP && memory->base != ZYDIS_REGISTER_RSP) {
		way->value -= memory->disp.has_displacement ? (uint64_t)memory->disp.value : 0;
		way->number = text_register(memory->base);
		return way->number >= 0;
	}
	if (at->instruction.mnemonic != ZYDIS_MNEMONIC_ADD || at->operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return false;
	way->value -= at->operands[1].imm.value.u;
	return true;
}

static enum way_progress follow_writer(struct way *way, size_t writer, unsigned depth, struct origin *ret)
{
	const struct text_step *at = text_step_back(way->text, writer);
	const ZydisDecodedOperand *to = &at->operands[0], *from = &at->operands[1];

	way_go_back_to(way, writer);
	if (text_is_call(at)) {
		if (way->number == CORE_RAX)
			*ret = (struct origin){.end = ORIGIN_RETURNED, .value = way->value, .is_exact = way->is_exact};
		return WAY_STOP;
	}
	if (to->type != ZYDIS_OPERAND_TYPE_REGISTER || at->instruction.operand_count_visible < 2)
		return WAY_STOP;
	if (is_conditional_move(at)) {
		follow_either(way, writer, depth, ret);
		return WAY_STOP;
	}
	if (is_zeroing(at) ||
	    (at->instruction.mnemonic == ZYDIS_MNEMONIC_MOV && from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)) {
		*ret = (struct origin){.end = ORIGIN_CONSTANT, .value = way->value, .is_exact = way->is_exact};
		return WAY_STOP;
	}
	if (take_off(way, at))
		return WAY_GO_ON;
	if (at->instruction.mnemonic != ZYDIS_MNEMONIC_MOV || to->size != 64 || from->size != 64)
		return WAY_STOP;
	if (from->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return follow_load(way, writer, ret);
	way->number = text_register(from->reg.value);
	return way->number >= 0 ? WAY_GO_ON : WAY_STOP;
}

static void follow(struct way *way, unsigned depth, struct origin *ret)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		size_t writer;

		switch (text_find_writer(way->text, way->number, way->step, &writer)) {
		case TEXT_WRITER:
			if (follow_writer(way, writer, depth, ret) == WAY_STOP)
				return;
			break;
		case TEXT_ENTRY:
			/* Walked on since, further down in the text. */
			if (ret->end == ORIGIN_LOST && !text_is_straight(way->text, way->text->start, way->from) &&
			    way_walk_lists(way, ret))
				return;
			if (!way_enter_caller(way))
				return;
			break;
		case TEXT_LOST:
			if (ret->end == ORIGIN_LOST)
				way_walk_lists(way, ret);
			return;
		}
	}
}

void origin_follow(struct origin_search *search, const struct origin_value *value, struct origin *ret)
{
	struct way way = {.search = search,
			  .text = origin_text_of(search, value->place),
			  .place = value->place,
			  .number = value->number,
			  .value = value->value,
			  .is_exact = true};

	*ret = (struct origin){.end = ORIGIN_LOST, .through = {.number = -1}};
	if (!way.text || value->number < 0)
		return;
	way.from = value->at ?: way.text->place;
	if (value->at) {
		way.step = text_step_at(way.text, value->at);
		if (way.step == SIZE_MAX)
			return;
		way.step++;
	} else if (search->places[value->place].after_call) {
		way.step = 1;
	}
	if (value->at == 0 && !search->places[value->place].after_call) {
		enum way_progress progress;

		while (way_run_again(&way, way.from, &progress, ret)) {
			if (progress == WAY_STOP || !way_enter_caller(&way))
				return;
		}
	}
	follow(&way, 3, ret);
}

void origin_of_call(struct origin_search *search, uint64_t target, struct origin *ret)
{
	const struct text *text = origin_text_of(search, 0);
	struct way way = {.search = search, .text = text, .value = target, .is_exact = true};
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ZydisDecodedInstruction call;
	ZydisDecoder decoder;
	size_t size;

	*ret = (struct origin){.end = ORIGIN_LOST, .through = {.number = -1}};
	size = text ? core_read(search->core, text->place, bytes, sizeof(bytes)) : 0;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!size || ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, size, &call, operands)) ||
	    (call.meta.category != ZYDIS_CATEGORY_CALL && call.meta.category != ZYDIS_CATEGORY_UNCOND_BR))
		return;
	way.from = text->place;
	if (operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER) {
		way.number = text_register(operands[0].reg.value);
		if (way.number >= 0)
			follow(&way, 3, ret);
		return;
	}
	if (operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
		const ZydisDecodedOperandMem *memory = &operands[0].mem;
		int base = text_register(memory->base), index = text_register(memory->index);
		uint64_t address = memory->disp.has_displacement ? (uint64_t)memory->disp.value : 0, word;

		if (memory->base == ZYDIS_REGISTER_RIP)
			address += text->place + call.length;
		else if (base >= 0)
			address += text->registers[base];
		if (index >= 0)
			address += text->registers[index] * memory->scale;
		if (memory->segment == ZYDIS_REGISTER_FS || memory->segment == ZYDIS_REGISTER_GS ||
		    !origin_read_word(search->core, address, &word) || word != target)
			return;
		*ret = (struct origin){.end = ORIGIN_WORD,
				       .address = address,
				       .value = word,
				       .is_exact = true,
				       .through = {.number = base >= 0 && base != CORE_RSP ? base : -1}};
		if (base >= 0)
			ret->through.value = text->registers[base];
	}
}
