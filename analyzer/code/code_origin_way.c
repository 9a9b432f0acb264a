/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_origin_way.h"

#include <stdlib.h>

#include "analyzer/code/code_call_site.h"

/* Asked once for each store and word; every level may double the work. */
#define STORE_DEPTH 4

struct code_origin_search *code_origin_search_create(const struct core *core, const struct code_origin_place *places,
						     size_t count)
{
	struct code_origin_search *search = calloc(1, sizeof(*search));

	if (!search)
		return NULL;
	search->core = core;
	search->places = places;
	search->count = count < CODE_ORIGIN_PLACES ? count : CODE_ORIGIN_PLACES;
	return search;
}

void code_origin_search_destroy(struct code_origin_search *search)
{
	for (size_t i = 0; search && i < CODE_ORIGIN_PLACES; i++)
		free(search->texts[i].text);
	free(search);
}

const struct code_text *code_origin_text_of(struct code_origin_search *search, size_t place)
{
	const struct code_origin_place *at;

	if (place >= search->count)
		return NULL;
	at = &search->places[place];
	if (!search->texts[place].tried)
		search->texts[place].text =
			code_text_read(search->core, at->pc, at->after_call, at->registers, at->known);
	search->texts[place].tried = true;
	return search->texts[place].text;
}

bool code_origin_goes_to(const struct code_text *caller, const struct code_text *callee)
{
	const struct code_instruction *call = code_text_step_back(caller, 0);

	if (!call || call->flow != CODE_FLOW_CALL)
		return false;
	if (!call->has_target)
		return true;
	return call->target == callee->start ||
	       code_call_site_through_stub(caller->core, call->target) == callee->start ||
	       core_find_module(caller->core, call->target) != core_find_module(callee->core, callee->start);
}

bool code_way_enter_caller(struct code_way *way)
{
	const struct code_text *caller = code_origin_text_of(way->search, way->place + 1);

	if (!caller || !code_origin_goes_to(caller, way->text) ||
	    (!code_is_kept(caller->machine, way->number) && !code_is_argument(caller->machine, way->number)))
		return false;
	if (code_is_kept(caller->machine, way->number) && (caller->known & 1u << way->number) &&
	    caller->registers[way->number] != way->value)
		return false;
	way->is_exact &= code_text_is_straight(way->text, way->text->start, way->from);
	way->place++;
	way->text = caller;
	way->step = 1;
	way->from = code_text_step_back(caller, 0)->address;
	return true;
}

void code_way_go_back_to(struct code_way *way, size_t step)
{
	uint64_t address = code_text_step_back(way->text, step)->address;

	way->is_exact &= code_text_is_straight(way->text, address, way->from);
	way->from = address;
	way->step = step + 1;
}

bool code_origin_first_value(struct code_origin_search *search, size_t place, int number, size_t step, uint64_t *ret)
{
	for (unsigned i = 0; i < CODE_ORIGIN_PLACES; i++) {
		const struct code_text *text = code_origin_text_of(search, place);
		const struct code_instruction *at;
		size_t writer;

		if (!text)
			return false;
		switch (code_text_find_writer(text, number, step, &writer)) {
		case CODE_TEXT_LOST:
			return false;
		case CODE_TEXT_WRITER:
			at = code_text_step_back(text, writer);
			if (at->op == CODE_OP_MOVE && at->operands[1].kind == CODE_OPERAND_REGISTER &&
			    at->operands[1].bits == 64) {
				number = at->operands[1].reg;
				step = writer + 1;
				continue;
			}
			if (writer > 0) /* asked for just behind the writer */
				return code_text_value_before(text, number, writer - 1, CODE_ORIGIN_DEPTH, ret);
			*ret = text->registers[number];
			return text->known & 1u << number;
		case CODE_TEXT_ENTRY:
			if (!code_is_argument(text->machine, number))
				return false;
			place++;
			step = 1;
			text = code_origin_text_of(search, place);
			if (text && code_text_value_before(text, number, 0, CODE_ORIGIN_DEPTH, ret))
				return true;
		}
	}
	return false;
}

bool code_origin_argument_value(struct code_origin_search *search, size_t caller, int number, uint64_t *ret)
{
	return code_text_value_before(code_origin_text_of(search, caller), number, 0, CODE_ORIGIN_DEPTH, ret) ||
	       code_origin_first_value(search, caller, number, 1, ret);
}

uint64_t code_origin_call_before(struct code_origin_search *search, size_t place)
{
	const struct code_text *text = code_origin_text_of(search, place);
	const struct code_instruction *call = text ? code_text_step_back(text, 0) : NULL;

	return call && call->flow == CODE_FLOW_CALL && call->address + call->length == text->place ? call->address : 0;
}

bool code_origin_stores_to(struct code_origin_search *search, size_t place, uint64_t address)
{
	const struct code_text *text = code_origin_text_of(search, place);

	for (size_t i = 0; text && i < text->count; i++) {
		const struct code_instruction *at = code_text_step_back(text, i);

		for (size_t j = 0; j < at->visible_count; j++) {
			const struct code_operand *operand = &at->operands[j];
			uint64_t stored;

			if (operand->kind == CODE_OPERAND_MEMORY && operand->writes &&
			    code_text_address_of(text, i, &operand->memory, STORE_DEPTH, &stored) &&
			    stored < address + 8 && stored + operand->bits / 8 > address)
				return true;
		}
	}
	return false;
}
