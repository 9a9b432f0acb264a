/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/origin.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/facts/origin_replay.h"
#include "analyzer/facts/origin_text.h"

#define DEPTH_MAX 8
#define STEPS_MAX 48	       /* copies, spills and arguments on one way */
#define ELEMENTS_MAX 20000     /* of a list that is walked again */
#define FRAME_BYTES_MAX 65536u /* how far above the stack pointer a function's own slots lie */

struct origin_search {
	const struct core *core;
	const struct origin_place *places;
	size_t count;
	struct {
		struct text *text;
		bool tried;
	} texts[ORIGIN_PLACES];
};

struct origin_search *origin_search_create(const struct core *core, const struct origin_place *places, size_t count)
{
	struct origin_search *search = calloc(1, sizeof(*search));

	if (!search)
		return NULL;
	search->core = core;
	search->places = places;
	search->count = count < ORIGIN_PLACES ? count : ORIGIN_PLACES;
	return search;
}

void origin_search_destroy(struct origin_search *search)
{
	for (size_t i = 0; search && i < ORIGIN_PLACES; i++)
		free(search->texts[i].text);
	free(search);
}

static const struct text *text_of(struct origin_search *search, size_t place)
{
	const struct origin_place *at;

	if (place >= search->count)
		return NULL;
	at = &search->places[place];
	if (!search->texts[place].tried)
		search->texts[place].text = text_read(search->core, at->pc, at->after_call, at->registers, at->known);
	search->texts[place].tried = true;
	return search->texts[place].text;
}

/* ---- the state of one way back ---- */

struct way {
	struct origin_search *search;
	const struct text *text;
	size_t place;
	int number;
	size_t step;   /* the value is asked for behind this one */
	uint64_t from; /* the address that it is asked for at */
	uint64_t value;
	bool is_exact;
};

static bool is_argument(int number)
{
	return number == CORE_RDI || number == CORE_RSI || number == CORE_RDX || number == CORE_RCX ||
	       number == CORE_R8 || number == CORE_R9;
}

/* The call that led into the function goes there, as far as it says: otherwise that one jumped on, and the registers
 * may have been changed on the way. */
static bool goes_to(const struct text *caller, const struct text *callee)
{
	const struct text_step *call = text_step_back(caller, 0);
	ZyanU64 target;

	if (!call || call->instruction.meta.category != ZYDIS_CATEGORY_CALL)
		return false;
	if (call->operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    ZYAN_FAILED(ZydisCalcAbsoluteAddress(&call->instruction, &call->operands[0], call->address, &target)))
		return true;
	/* By way of a linkage table, the target is in another file. */
	return target == callee->start ||
	       core_find_module(caller->core, target) != core_find_module(callee->core, callee->start);
}

/* From the entry of a function to the call in its caller. */
static bool enter_caller(struct way *way)
{
	const struct text *caller = text_of(way->search, way->place + 1);

	if (!caller || !goes_to(caller, way->text) || (!text_survives_call(way->number) && !is_argument(way->number)))
		return false;
	if (text_survives_call(way->number) && (caller->known & 1u << way->number) &&
	    caller->registers[way->number] != way->value)
		return false;
	way->is_exact &= text_is_straight(way->text, way->text->start, way->from);
	way->place++;
	way->text = caller;
	way->step = 1;
	way->from = text_step_back(caller, 0)->address;
	return true;
}

static void go_back_to(struct way *way, size_t step)
{
	uint64_t address = text_step_back(way->text, step)->address;

	way->is_exact &= text_is_straight(way->text, address, way->from);
	way->from = address;
	way->step = step + 1;
}

/* ---- lists ---- */

/* A register by the text alone, through the entry into the caller's. */
static bool first_value(struct origin_search *search, size_t place, int number, size_t step, uint64_t *ret)
{
	for (unsigned i = 0; i < ORIGIN_PLACES; i++) {
		const struct text *text = text_of(search, place);
		const struct text_step *at;
		size_t writer;

		if (!text)
			return false;
		switch (text_find_writer(text, number, step, &writer)) {
		case TEXT_LOST:
			return false;
		case TEXT_WRITER:
			at = text_step_back(text, writer);
			if (at->instruction.mnemonic == ZYDIS_MNEMONIC_MOV &&
			    at->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER && at->operands[1].size == 64) {
				number = text_register(at->operands[1].reg.value);
				step = writer + 1;
				continue;
			}
			if (writer > 0) /* asked for just behind the writer */
				return text_value_before(text, number, writer - 1, DEPTH_MAX, ret);
			*ret = text->registers[number];
			return text->known & 1u << number;
		case TEXT_ENTRY:
			if (!is_argument(number))
				return false;
			place++;
			step = 1;
			text = text_of(search, place);
			if (text && text_value_before(text, number, 0, DEPTH_MAX, ret))
				return true;
		}
	}
	return false;
}

/* What a caller passed. */
static bool argument_value(struct origin_search *search, size_t caller, int number, uint64_t *ret)
{
	return text_value_before(text_of(search, caller), number, 0, DEPTH_MAX, ret) ||
	       first_value(search, caller, number, 1, ret);
}

/* Where a walk began: what its register or slot was given first. */
static bool walk_start(const struct way *way, const struct text_walk *walk, uint64_t *ret)
{
	const struct text *text = way->text;

	if (walk->number >= 0)
		return first_value(way->search, way->place, walk->number, way->step, ret);
	for (size_t i = text->count; i-- > 0;) {
		const struct text_step *at = text_step_back(text, i);
		const ZydisDecodedOperand *to = &at->operands[0];

		if (at->instruction.mnemonic != ZYDIS_MNEMONIC_MOV || to->type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    to->mem.base != ZYDIS_REGISTER_RBP || to->mem.index != ZYDIS_REGISTER_NONE ||
		    to->mem.disp.value != walk->slot)
			continue;
		return at->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER && at->operands[1].size == 64 &&
		       (text_value_before(text, text_register(at->operands[1].reg.value), i, DEPTH_MAX, ret) ||
			first_value(way->search, way->place, text_register(at->operands[1].reg.value), i + 1, ret));
	}
	return false;
}

/* The link that holds the value. */
static bool walk_again(const struct way *way, const struct text_walk *walk, uint64_t element, struct origin *ret)
{
	uint64_t word, link_before = 0;

	for (unsigned i = 0; i < ELEMENTS_MAX; i++) {
		uint64_t link = element + (uint64_t)walk->offset;

		if (!origin_read_word(way->search->core, link, &word))
			return false;
		if (word == way->value) {
			*ret = (struct origin){.end = ORIGIN_WORD,
					       .address = link,
					       .value = word,
					       .link_before = link_before,
					       .through = {.number = -1, .value = element}};
			return true;
		}
		if (word == element)
			return false;
		link_before = link;
		element = word;
	}
	return false;
}

static bool walk_lists(const struct way *way, struct origin *ret)
{
	uint64_t start;

	for (size_t i = 0; i < way->text->walk_count; i++) {
		if (walk_start(way, &way->text->walks[i], &start) && walk_again(way, &way->text->walks[i], start, ret))
			return true;
	}
	return false;
}

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
	if (base < 0 || base == CORE_RSP || !text_value_before(way->text, base, step, DEPTH_MAX, &ret->through.value))
		return;
	ret->through.number = base;
	ret->through.at = text_step_back(way->text, step)->address;
}

enum progress { GO_ON, STOP };

/* What was read from the frame is followed to what was stored there. *ret is the slot until something better is found.
 */
static enum progress follow_slot(struct way *way, size_t load, const ZydisDecodedOperandMem *memory, uint64_t slot,
				 struct origin *ret)
{
	const struct text_step *at;
	size_t store;

	found_word(way, load, memory, slot, ret);
	ret->through.number = -1;
	if (text_find_store(way->text, slot, load + 1, &store) != TEXT_WRITER) {
		walk_lists(way, ret);
		return STOP;
	}
	go_back_to(way, store);
	at = text_step_back(way->text, store);
	if (at->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		*ret = (struct origin){.end = ORIGIN_CONSTANT, .value = way->value, .is_exact = way->is_exact};
		return STOP;
	}
	way->number = text_register(at->operands[1].reg.value);
	return way->number >= 0 ? GO_ON : STOP;
}

static enum progress follow_load(struct way *way, size_t writer, struct origin *ret)
{
	const ZydisDecodedOperandMem *memory = &text_step_back(way->text, writer)->operands[1].mem;
	uint64_t address, word;

	if (text_address_of(way->text, writer, memory, DEPTH_MAX, &address) &&
	    origin_read_word(way->search->core, address, &word) && word == way->value) {
		if (is_slot(way->text, memory, address))
			return follow_slot(way, writer, memory, address, ret);
		found_word(way, writer, memory, address, ret);
		return STOP;
	}
	walk_lists(way, ret);
	return STOP;
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

static enum progress follow_writer(struct way *way, size_t writer, unsigned depth, struct origin *ret)
{
	const struct text_step *at = text_step_back(way->text, writer);
	const ZydisDecodedOperand *to = &at->operands[0], *from = &at->operands[1];

	go_back_to(way, writer);
	if (text_is_call(at)) {
		if (way->number == CORE_RAX)
			*ret = (struct origin){.end = ORIGIN_RETURNED, .value = way->value, .is_exact = way->is_exact};
		return STOP;
	}
	if (to->type != ZYDIS_OPERAND_TYPE_REGISTER || at->instruction.operand_count_visible < 2)
		return STOP;
	if (is_conditional_move(at)) {
		follow_either(way, writer, depth, ret);
		return STOP;
	}
	if (is_zeroing(at) ||
	    (at->instruction.mnemonic == ZYDIS_MNEMONIC_MOV && from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)) {
		*ret = (struct origin){.end = ORIGIN_CONSTANT, .value = way->value, .is_exact = way->is_exact};
		return STOP;
	}
	if (take_off(way, at))
		return GO_ON;
	if (at->instruction.mnemonic != ZYDIS_MNEMONIC_MOV || to->size != 64 || from->size != 64)
		return STOP;
	if (from->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return follow_load(way, writer, ret);
	way->number = text_register(from->reg.value);
	return way->number >= 0 ? GO_ON : STOP;
}

static void follow(struct way *way, unsigned depth, struct origin *ret)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		size_t writer;

		switch (text_find_writer(way->text, way->number, way->step, &writer)) {
		case TEXT_WRITER:
			if (follow_writer(way, writer, depth, ret) == STOP)
				return;
			break;
		case TEXT_ENTRY:
			/* Walked on since, further down in the text. */
			if (ret->end == ORIGIN_LOST && !text_is_straight(way->text, way->text->start, way->from) &&
			    walk_lists(way, ret))
				return;
			if (!enter_caller(way))
				return;
			break;
		case TEXT_LOST:
			if (ret->end == ORIGIN_LOST)
				walk_lists(way, ret);
			return;
		}
	}
}

/* ---- running again ---- */

/* What is known at the entry of the function at `place`: what its caller keeps in registers, and what it passed. */
static void enter(struct origin_search *search, size_t place, struct replay_value entry[CORE_REGISTERS])
{
	const struct text *text = text_of(search, place), *caller = text_of(search, place + 1);

	memset(entry, 0, CORE_REGISTERS * sizeof(*entry));
	if (!caller)
		return;
	for (int i = 0; i < CORE_REGISTERS; i++) {
		uint64_t value;

		if (text_survives_call(i) && (caller->known & 1u << i))
			entry[i] = (struct replay_value){.value = caller->registers[i], .known = true};
		else if (is_argument(i) && goes_to(caller, text) && argument_value(search, place + 1, i, &value))
			entry[i] = (struct replay_value){.value = value, .known = true};
	}
	entry[CORE_RSP].value -= 8; /* the return address */
}

static void take_load(const struct replay *replay, uint32_t from, uint64_t address[], uint64_t value[], size_t *count)
{
	*count = 0;
	while (from && !replay->loads[from].is_entry && *count < ORIGIN_WORDS) {
		address[*count] = replay->loads[from].address;
		value[(*count)++] = replay->loads[from].value;
		from = replay->loads[from].through;
	}
}

/* Returns STOP when *ret is the answer or there is none, GO_ON when the value was there at the entry already, in
 * way->number. */
static bool run_again(struct way *way, uint64_t target, enum progress *ret_progress, struct origin *ret)
{
	struct replay_value entry[CORE_REGISTERS];
	const struct replay_value *value;
	struct replay *replay;
	uint32_t from;
	bool is_known;

	enter(way->search, way->place, entry);
	if (!replay_run(way->text, target, entry, &replay))
		return false;
	value = &replay->registers[way->number];
	is_known = value->known && value->value == way->value;
	from = value->from;
	if (is_known && !from) {
		*ret = (struct origin){.end = ORIGIN_CONSTANT, .value = way->value, .is_exact = true};
		*ret_progress = STOP;
	} else if (is_known && replay->loads[from].is_entry) {
		way->number = replay->loads[from].number;
		way->value = entry[way->number].value;
		way->from = way->text->start;
		*ret_progress = GO_ON;
	} else if (is_known) {
		*ret = (struct origin){.end = ORIGIN_WORD,
				       .address = replay->loads[from].address,
				       .value = replay->loads[from].value,
				       .is_exact = true,
				       .through = {.place = way->place, .number = -1}};
		take_load(replay, replay->loads[from].through, ret->more_addresses, ret->more_values, &ret->more_count);
		*ret_progress = STOP;
	}
	replay_destroy(replay);
	return is_known;
}

void origin_follow(struct origin_search *search, const struct origin_value *value, struct origin *ret)
{
	struct way way = {.search = search,
			  .text = text_of(search, value->place),
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
		enum progress progress;

		while (run_again(&way, way.from, &progress, ret)) {
			if (progress == STOP || !enter_caller(&way))
				return;
		}
	}
	follow(&way, 3, ret);
}

uint64_t origin_call_before(struct origin_search *search, size_t place)
{
	const struct text *text = text_of(search, place);
	const struct text_step *call = text ? text_step_back(text, 0) : NULL;

	return call && call->instruction.meta.category == ZYDIS_CATEGORY_CALL &&
			       call->address + call->instruction.length == text->place
		       ? call->address
		       : 0;
}

void origin_of_call(struct origin_search *search, uint64_t target, struct origin *ret)
{
	const struct text *text = text_of(search, 0);
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

bool origin_stores_to(struct origin_search *search, size_t place, uint64_t address)
{
	const struct text *text = text_of(search, place);

	for (size_t i = 0; text && i < text->count; i++) {
		const struct text_step *at = text_step_back(text, i);

		for (size_t j = 0; j < at->instruction.operand_count_visible; j++) {
			const ZydisDecodedOperand *operand = &at->operands[j];
			uint64_t stored;

			if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			    (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
			    text_address_of(text, i, &operand->mem, DEPTH_MAX, &stored) && stored < address + 8 &&
			    stored + operand->size / 8 > address)
				return true;
		}
	}
	return false;
}
