/* SPDX-License-Identifier: MIT */
/*
 * The failing value was taken from the stack, and the stack was overwritten there. A return takes its target from the
 * stack, a function that returns gives the registers back that it had saved there, and a local variable may lie there;
 * whoever wrote past the end of an array below has changed them. What shows it is a run of words of one make, which the
 * word that was taken is a part of: text, wide text, one value again and again, numbers in a row.
 *
 * A value that was taken from the stack so was not read from the heap, whatever block holds the same bytes: an overrun
 * copies them from somewhere.
 *
 * Heuristic: an array of the same make that is only full, beside a variable that holds such a value rightly, looks the
 * same. An overrun with words of no make is seen for a return address alone.
 */
#ifndef ANALYZER_OVERRUN_H
#define ANALYZER_OVERRUN_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/unwind/returned.h"

struct crash;

enum run_make {
	RUN_NONE = 0,
	RUN_TEXT,     /* printable bytes */
	RUN_WIDE,     /* printable characters of four bytes each */
	RUN_REPEATED, /* the same eight bytes, three times at least, not zero */
	RUN_SERIES,   /* numbers of four bytes, each as far from the one before */
};

/* Words of one make around a word of the stack: [start, end). */
struct stack_run {
	enum run_make make;
	uint64_t start, end;
};

enum taken_by {
	TAKEN_NOT = 0,	/* it was not, or nothing shows it */
	TAKEN_RETURN,	/* by a return, as its target */
	TAKEN_REGISTER, /* by the function that had been called last, which gave a saved register back */
	TAKEN_LOCAL,	/* by the function itself, from a word of the stack */
};

struct overrun {
	enum taken_by by;
	enum core_register number; /* TAKEN_REGISTER: which */
	uint64_t slot;		   /* the word of the stack */
	uint64_t value;		   /* in it */
	size_t saved_count;	   /* TAKEN_REGISTER: how many registers the run reaches where they were saved */
	struct stack_run run;	   /* around it; RUN_NONE, for a return alone: nothing else shows what overwrote it */
	/* Whose frame the slot was in, where it is left: who returned, or was called last. */
	struct returned owner;
};

/* Is the word at `slot` the upper part of a run that began below it? */
struct stack_run overrun_around(const struct core *core, uint64_t slot);

/* Fills all but the owner, from what is known of the fault and of the pointer's way. Needs the core. */
void overrun_find(const struct crash *crash, struct overrun *ret);

/* Did an overrun change the register? A run that reaches one saved register alone may also be a full array, right below
 * a value that the caller had before: a name and the pointer behind it, the first copied by the function. */
bool overrun_is_of_registers(const struct overrun *overrun);

/* Was that value, which the crash used as an address, taken from the stack by a return, or given back to a register
 * from an overwritten frame? Then no block of the heap gave it. A local variable may have been copied from such a
 * block. */
bool overrun_gave(const struct crash *crash, uint64_t value);

/* "72 bytes from 0x7ffd…10 to 0x7ffd…58 on the stack are text". */
struct words;
const char *words_run(struct words *words, const struct stack_run *run);

#endif
