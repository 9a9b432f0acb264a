/* SPDX-License-Identifier: MIT */
/* Lists that a function walked: the text shows the step from one element to the next, and what it began with. */
#include "analyzer/code/code_origin_way.h"

#define ELEMENTS_MAX 20000

/* Where a walk began: what its register or slot was given first. */
static bool walk_start(const struct code_way *way, const struct code_text_walk *walk, uint64_t *ret)
{
	const struct code_text *text = way->text;

	if (walk->number >= 0)
		return code_origin_first_value(way->search, way->place, walk->number, way->step, ret);
	for (size_t i = text->count; i-- > 0;) {
		const struct code_instruction *at = code_text_step_back(text, i);
		const struct code_operand *to = &at->operands[0];

		if (at->op != CODE_OP_MOVE || to->kind != CODE_OPERAND_MEMORY || to->memory.base != CORE_RBP ||
		    to->memory.index != CODE_REGISTER_NONE || to->memory.displacement != walk->slot)
			continue;
		return at->operands[1].kind == CODE_OPERAND_REGISTER && at->operands[1].bits == 64 &&
		       (code_text_value_before(text, at->operands[1].reg, i, CODE_ORIGIN_DEPTH, ret) ||
			code_origin_first_value(way->search, way->place, at->operands[1].reg, i + 1, ret));
	}
	return false;
}

/* The link that holds the value. */
static bool walk_again(const struct code_way *way, const struct code_text_walk *walk, uint64_t element,
		       struct code_origin *ret)
{
	uint64_t word, link_before = 0;

	for (unsigned i = 0; i < ELEMENTS_MAX; i++) {
		uint64_t link = element + (uint64_t)walk->offset;

		if (!code_origin_read_word(way->search->core, link, &word))
			return false;
		if (word == way->value) {
			*ret = (struct code_origin){.end = CODE_ORIGIN_WORD,
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

bool code_way_walk_lists(const struct code_way *way, struct code_origin *ret)
{
	uint64_t start;

	for (size_t i = 0; i < way->text->walk_count; i++) {
		if (walk_start(way, &way->text->walks[i], &start) && walk_again(way, &way->text->walks[i], start, ret))
			return true;
	}
	return false;
}
