/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/origin_way.h"

#include <stdlib.h>

#include "analyzer/unwind/call_site.h"

/* Asked once for each store and word; every level may double the work. */
#define STORE_DEPTH 4

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

const struct text *origin_text_of(struct origin_search *search, size_t place)
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

bool origin_is_argument(int number)
{
	return number == CORE_RDI || number == CORE_RSI || number == CORE_RDX || number == CORE_RCX ||
	       number == CORE_R8 || number == CORE_R9;
}

bool origin_goes_to(const struct text *caller, const struct text *callee)
{
	const struct text_step *call = text_step_back(caller, 0);
	ZyanU64 target;

	if (!call || call->instruction.meta.category != ZYDIS_CATEGORY_CALL)
		return false;
	if (call->operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    ZYAN_FAILED(ZydisCalcAbsoluteAddress(&call->instruction, &call->operands[0], call->address, &target)))
		return true;
	return target == callee->start || call_site_through_stub(caller->core, target) == callee->start ||
	       core_find_module(caller->core, target) != core_find_module(callee->core, callee->start);
}

bool way_enter_caller(struct way *way)
{
	const struct text *caller = origin_text_of(way->search, way->place + 1);

	if (!caller || !origin_goes_to(caller, way->text) ||
	    (!text_survives_call(way->number) && !origin_is_argument(way->number)))
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

void way_go_back_to(struct way *way, size_t step)
{
	uint64_t address = text_step_back(way->text, step)->address;

	way->is_exact &= text_is_straight(way->text, address, way->from);
	way->from = address;
	way->step = step + 1;
}

bool origin_first_value(struct origin_search *search, size_t place, int number, size_t step, uint64_t *ret)
{
	for (unsigned i = 0; i < ORIGIN_PLACES; i++) {
		const struct text *text = origin_text_of(search, place);
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
				return text_value_before(text, number, writer - 1, ORIGIN_DEPTH, ret);
			*ret = text->registers[number];
			return text->known & 1u << number;
		case TEXT_ENTRY:
			if (!origin_is_argument(number))
				return false;
			place++;
			step = 1;
			text = origin_text_of(search, place);
			if (text && text_value_before(text, number, 0, ORIGIN_DEPTH, ret))
				return true;
		}
	}
	return false;
}

bool origin_argument_value(struct origin_search *search, size_t caller, int number, uint64_t *ret)
{
	return text_value_before(origin_text_of(search, caller), number, 0, ORIGIN_DEPTH, ret) ||
	       origin_first_value(search, caller, number, 1, ret);
}

uint64_t origin_call_before(struct origin_search *search, size_t place)
{
	const struct text *text = origin_text_of(search, place);
	const struct text_step *call = text ? text_step_back(text, 0) : NULL;

	return call && call->instruction.meta.category == ZYDIS_CATEGORY_CALL &&
			       call->address + call->instruction.length == text->place
		       ? call->address
		       : 0;
}

bool origin_stores_to(struct origin_search *search, size_t place, uint64_t address)
{
	const struct text *text = origin_text_of(search, place);

	for (size_t i = 0; text && i < text->count; i++) {
		const struct text_step *at = text_step_back(text, i);

		for (size_t j = 0; j < at->instruction.operand_count_visible; j++) {
			const ZydisDecodedOperand *operand = &at->operands[j];
			uint64_t stored;

			if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			    (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
			    text_address_of(text, i, &operand->mem, STORE_DEPTH, &stored) && stored < address + 8 &&
			    stored + operand->size / 8 > address)
				return true;
		}
	}
	return false;
}
