/* SPDX-License-Identifier: MIT */
/* One way back from a value to where it came from: what the files of origin.h share. Only for origin*.c. */
#ifndef ANALYZER_ORIGIN_WAY_H
#define ANALYZER_ORIGIN_WAY_H

#include "analyzer/facts/origin.h"
#include "analyzer/facts/origin_text.h"

#define ORIGIN_DEPTH 8 /* how far the text is asked for a register */

struct origin_search {
	const struct core *core;
	const struct origin_place *places;
	size_t count;
	struct {
		struct text *text;
		bool tried;
	} texts[ORIGIN_PLACES];
};

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

enum way_progress { WAY_GO_ON, WAY_STOP };

/* The decoded function at `place`; NULL when there is none. It stays the search's. */
const struct text *origin_text_of(struct origin_search *search, size_t place);

/* System V ABI, AMD64. */
bool origin_is_argument(int number);

/* The call in the caller goes to that function, as far as it says. Otherwise what it called jumped on, and the
 * registers may have been changed on the way. */
bool origin_goes_to(const struct text *caller, const struct text *callee);

/* What the function at `place` passed in that register to the one that it called; by the text. */
bool origin_argument_value(struct origin_search *search, size_t place, int number, uint64_t *ret);

/* A register by the text alone, before anything further down in it was done; through entries into the callers. */
bool origin_first_value(struct origin_search *search, size_t place, int number, size_t step, uint64_t *ret);

/* From the entry of a function to the call in its caller. */
bool way_enter_caller(struct way *way);

/* To just before instruction number `step`. */
void way_go_back_to(struct way *way, size_t step);

/* origin_list.c: looks for the value in the links of a list that the function walks. */
bool way_walk_lists(const struct way *way, struct origin *ret);

/* origin_run.c: runs the function again, up to `target`. False when that tells nothing. Else WAY_STOP: *ret has the
 * answer; WAY_GO_ON: the value was there at the entry already, in way->number. */
bool way_run_again(struct way *way, uint64_t target, enum way_progress *ret_progress, struct origin *ret);

#endif
