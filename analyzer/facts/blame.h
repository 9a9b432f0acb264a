/* SPDX-License-Identifier: MIT */
/*
 * Which function made the bad value that the crash used as an address, an index or a divisor: RETracer's blame
 * (Cui and others, ICSE 2016). The value is followed back through the code on the stack (code_trail.h) to the function
 * that wrote it first: as a constant, by moving a good pointer away, or as the answer of a search that found nothing.
 *
 * It is computed from code and memory, nobody was seen: a suspect, no culprit. It says who made the value, not who
 * should have checked it. Not known wherever more than one function may have: see enum code_trail_loss. Not asked at
 * all where the stack was smashed, in signal handlers, and for code that does not keep to the System V ABI.
 */
#ifndef ANALYZER_BLAME_H
#define ANALYZER_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/code/code_trail.h"
#include "analyzer/unwind/unwind.h"

struct crash;

enum blame_how {
	BLAME_NOT_KNOWN = 0,
	BLAME_MADE,	/* the crashed function made it itself */
	BLAME_PASSED,	/* a caller made it and passed it down */
	BLAME_RETURNED, /* a function that has returned gave it back to one on the stack */
	BLAME_STORED,	/* a caller made it and stored it, a function below read it from there */
};

struct blame_step {
	size_t frame; /* number on the crashed stack; SIZE_MAX: a function that has returned */
	uint64_t pc;
	char text[160]; /* "rdi = rax (return value of session_find)" */
};

struct blame {
	enum blame_how how;
	size_t crashed; /* number of the frame that crashed, or made the bad call */
	size_t frame;	/* of the function, BLAME_RETURNED: of the one that called it */
	/* The function; its file and line are where it was at the crash, none where it has returned. Owned. */
	struct symbol symbol;
	uint64_t pc;	/* the instruction that made the value; 0: one of several in that function */
	uint64_t value; /* as it was made: a constant may have been added since */
	bool is_exact;	/* every word and register on the way that survives is what the code makes of it */
	/* From the crash back to the instruction; up to where it was lost, where it is not known. */
	struct blame_step steps[CODE_TRAIL_STEPS];
	size_t step_count;
	enum code_trail_loss loss; /* why it is not known; NOT_LOST: known, or not asked */
	uint64_t lost_at;	   /* the instruction that the trail was lost at; 0: none in particular */
};
void blame_deinit(struct blame *blame);

/* What to follow: the register, or the word, that holds the bad value at the crash. False: there is none, or it is not
 * asked (see above). Fills all but core and places. */
bool blame_ask(const struct crash *crash, struct code_trail_question *ret);

/* Are the constants in the code of that function its source's own? Compilers give a function that only they call a copy
 * for the constants that it is called with: GCC calls the copy so (.constprop), LLVM changes the function itself, where
 * all its callers are known. `name`: its symbol; `comment`: the .comment section of its file, where compilers sign. */
bool blame_has_own_constants(const char *name, bool is_local, const char *comment, size_t comment_bytes);

/* Fills *ret. `crashed`: the number of the frame that crashed, or made the bad call. `has_own_constants`: of the maker,
 * as above. `maker`, which *ret takes over, is the function that made the value; `functions`: what the function of each
 * step is called, NULL where that is not known. Names are a stranger's: they are kept as they are. */
void blame_conclude(const struct code_trail *trail, size_t crashed, bool has_own_constants, const struct symbol *maker,
		    const char *const *functions, struct blame *ret);

/* Why it is not known, as a clause: "the value may have been written by a function that has returned". */
const char *blame_loss_text(enum code_trail_loss loss);

/* "made", "passed", "returned", "stored". */
const char *blame_how_name(enum blame_how how);

#endif
