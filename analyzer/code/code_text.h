/* SPDX-License-Identifier: MIT */
/*
 * The code of one function up to a place in it, and what is known of the registers there: what code_origin.c follows a
 * value back through. The text is followed, not the way that was taken, which nobody recorded: what comes of it is a
 * guess until memory confirms it, and exact only where no branch leads in between.
 *
 * A place is the instruction at hand (nothing of it was done), or a call that was made (its return address). Numbers of
 * registers are enum core_register. Only for analyzer/code/code_origin*.c.
 */
#ifndef ANALYZER_CODE_TEXT_H
#define ANALYZER_CODE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/code/code_machine.h"
#include "analyzer/core/core.h"

struct code_text_branch {
	uint64_t address, target;
	bool is_always;
};

/* An instruction, or at -O0 three of them, that goes on from one element of a list to the next. */
struct code_text_walk {
	int number;	/* the register that holds the element; -1: `slot` does */
	int64_t slot;	/* of the frame, from rbp */
	int64_t offset; /* of the link in an element */
};

#define CODE_TEXT_WALKS 8
#define CODE_TEXT_STEPS 192
#define CODE_TEXT_BRANCHES 1024

struct code_text {
	const struct core *core;
	const struct code_machine *machine;
	uint64_t start, end; /* of the function */
	uint64_t place;
	uint64_t registers[CORE_REGISTERS];		/* as they were at the place */
	uint32_t known;					/* bit n: registers[n] is known */
	struct code_instruction steps[CODE_TEXT_STEPS]; /* a ring: the newest `count` of them end at `next` */
	size_t next, count;
	bool from_start; /* the oldest step is the function's first instruction */
	struct code_text_branch branches[CODE_TEXT_BRANCHES];
	size_t branch_count;
	struct code_text_walk walks[CODE_TEXT_WALKS]; /* of the whole function */
	size_t walk_count;
	bool knows_branches; /* of the whole function, and where each of them leads */
};

/* The range of code around `pc` that the module's call frame information, else its symbols, have as one: a function, or
 * one of two parts of it. False: not known, or `pc` is more than 64 KiB behind its start. */
bool code_text_find_extent(const struct core *core, uint64_t pc, uint64_t *ret_start, uint64_t *ret_end);

/* Decodes the function around `place`; `after_call`: the place is a return address. NULL when it cannot be decoded up
 * to there; free() it. `known` as above. */
struct code_text *code_text_read(const struct core *core, uint64_t place, bool after_call,
				 const uint64_t registers[CORE_REGISTERS], uint32_t known);

/* Number 0 is the instruction right before the place; NULL beyond the oldest. */
const struct code_instruction *code_text_step_back(const struct code_text *text, size_t number);

/* The number of the step at `address`, or SIZE_MAX. */
size_t code_text_step_at(const struct code_text *text, uint64_t address);

/* No branch of the function leads into (from, to], and where its branches lead is known of all. */
bool code_text_is_straight(const struct code_text *text, uint64_t from, uint64_t to);

/* A branch leads from behind `address` back to it or before it: it stands in a loop. */
bool code_text_is_in_loop(const struct code_text *text, uint64_t address);

bool code_text_is_call(const struct code_instruction *step);
/* The step changes that register; what it calls changes all that it need not keep. */
bool code_text_writes(const struct code_text *text, const struct code_instruction *step, int number);

enum code_text_writer { CODE_TEXT_WRITER, CODE_TEXT_ENTRY, CODE_TEXT_LOST };

/* The newest instruction before number `step` (itself included) that writes the register. CODE_TEXT_ENTRY: none does
 * since the function began. Where nothing falls through, the branch that leads around is followed. */
enum code_text_writer code_text_find_writer(const struct code_text *text, int number, size_t step, size_t *ret);

/* The register just before instruction number `step`: the present one where nothing has written it since, else what the
 * text makes of it. `depth` bounds how far that is worked out. */
bool code_text_value_before(const struct code_text *text, int number, size_t step, unsigned depth, uint64_t *ret);

/* The address of a memory operand of instruction number `step`. */
bool code_text_address_of(const struct code_text *text, size_t step, const struct code_memory *memory, unsigned depth,
			  uint64_t *ret);

/* The newest store before number `step` into the stack slot at `slot`, through the stack or frame pointer. */
enum code_text_writer code_text_find_store(const struct code_text *text, uint64_t slot, size_t step, size_t *ret);

#endif
