/* SPDX-License-Identifier: MIT */
/* One way back from a value to where it came from: what the files of code_origin.h share. Only for code_origin*.c. */
#ifndef ANALYZER_CODE_ORIGIN_WAY_H
#define ANALYZER_CODE_ORIGIN_WAY_H

#include "analyzer/code/code_origin.h"
#include "analyzer/code/code_text.h"

#define CODE_ORIGIN_DEPTH 8 /* how far the text is asked for a register */

struct code_origin_search {
	const struct core *core;
	const struct code_origin_place *places;
	size_t count;
	struct {
		struct code_text *text;
		bool tried;
	} texts[CODE_ORIGIN_PLACES];
};

struct code_way {
	struct code_origin_search *search;
	const struct code_text *text;
	size_t place;
	int number;
	size_t step;   /* the value is asked for behind this one */
	uint64_t from; /* the address that it is asked for at */
	uint64_t value;
	bool is_exact;
};

enum code_way_progress { CODE_WAY_GO_ON, CODE_WAY_STOP };

/* The decoded function at `place`; NULL when there is none. It stays the search's. */
const struct code_text *code_origin_text_of(struct code_origin_search *search, size_t place);

/* The call in the caller goes to that function, as far as it says. Otherwise what it called jumped on, and the
 * registers may have been changed on the way. */
bool code_origin_goes_to(const struct code_text *caller, const struct code_text *callee);

/* What the function at `place` passed in that register to the one that it called; by the text. */
bool code_origin_argument_value(struct code_origin_search *search, size_t place, int number, uint64_t *ret);

/* A register by the text alone, before anything further down in it was done; through entries into the callers. */
bool code_origin_first_value(struct code_origin_search *search, size_t place, int number, size_t step, uint64_t *ret);

/* From the entry of a function to the call in its caller. */
bool code_way_enter_caller(struct code_way *way);

/* To just before instruction number `step`. */
void code_way_go_back_to(struct code_way *way, size_t step);

/* code_origin_list.c: looks for the value in the links of a list that the function walks. */
bool code_way_walk_lists(const struct code_way *way, struct code_origin *ret);

/* code_origin_run.c: runs the function again, up to `target`. False when that tells nothing. Else CODE_WAY_STOP: *ret
 * has the answer; CODE_WAY_GO_ON: the value was there at the entry already, in way->number. */
bool code_way_run_again(struct code_way *way, uint64_t target, enum code_way_progress *ret_progress,
			struct code_origin *ret);

#endif
