/* SPDX-License-Identifier: MIT */
/*
 * Who made a value: followed backwards from a register at the crash through the functions on the stack, on all ways
 * that their code has (code_graph.h), to the instructions that can have made it. Copies, saves on the stack, arguments
 * and results of calls are followed, and what lies in memory to the store that put it there. A way on which the value
 * would be another one than the one that was found is ruled out.
 *
 * It is told only when all ways that are left end in one function. It is not where the value may have come from
 * memory that some function, called and returned since, may have written; where it was computed from something else;
 * where code is missing, jumps through a table, or was entered by an unwinder; where the stack does not fit the code.
 *
 * The System V ABI is taken for granted: what is written in another calling convention (Go, OCaml) must not be asked
 * about. Other threads and signal handlers that have returned are not seen: a value that was in memory which others
 * know of is told only where no way contradicts it, and only in a process of one thread.
 */
#ifndef ANALYZER_CODE_TRAIL_H
#define ANALYZER_CODE_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/code/code_origin.h"
#include "analyzer/core/core.h"

#define CODE_TRAIL_FRAMES 12
#define CODE_TRAIL_STEPS 24

enum code_trail_loss {
	CODE_TRAIL_NOT_LOST = 0,
	CODE_TRAIL_NO_CODE,	 /* a function cannot be decoded */
	CODE_TRAIL_JUMP,	 /* its code jumps through a table, or is entered by an unwinder or a longjmp */
	CODE_TRAIL_CLOBBERED,	 /* a call may have changed the register */
	CODE_TRAIL_CALL,	 /* what was called is not known, or is not what is on the stack */
	CODE_TRAIL_LIBRARY,	 /* the C or C++ library made it: an answer of its own */
	CODE_TRAIL_WRITTEN,	 /* a function that has returned may have written the memory */
	CODE_TRAIL_STORED,	 /* a store to an address that is not known may have written it */
	CODE_TRAIL_READ,	 /* read through a pointer that is not known any more */
	CODE_TRAIL_INDEX,	 /* it was the index, not the pointer */
	CODE_TRAIL_COMPUTED,	 /* computed from something else */
	CODE_TRAIL_UNSET,	 /* nothing on the stack stored the word */
	CODE_TRAIL_STACK_ENDS,	 /* it came from further up than the stack is sure */
	CODE_TRAIL_CONTRADICTED, /* memory or registers do not hold what the code says */
	CODE_TRAIL_SEVERAL,	 /* more than one function can have made it */
	CODE_TRAIL_TOO_LONG,	 /* a limit was reached */
};

enum code_trail_kind {
	CODE_TRAIL_COPIED,   /* from another register, `number`, or from memory, `address`: at `pc` */
	CODE_TRAIL_PASSED,   /* by the caller, in register `number`, or on the stack (-1): at `pc`, its call */
	CODE_TRAIL_RETURNED, /* by `function`, which the call at `pc` called */
	CODE_TRAIL_ADDED,    /* a constant was added to it, or it was scaled */
	CODE_TRAIL_CONSTANT, /* the instruction at `pc` has it */
	CODE_TRAIL_MOVED,    /* a constant added to a good pointer */
	CODE_TRAIL_WALKED,   /* the null at the end of a list that a loop walked */
};

struct code_trail_step {
	enum code_trail_kind kind;
	size_t frame;	   /* index of the place; SIZE_MAX: in a function that has returned */
	uint64_t function; /* its entry; of CODE_TRAIL_RETURNED: of the one called */
	uint64_t pc;
	int number;	  /* enum core_register; -1: memory, at `address` */
	uint64_t address; /* 0: an immediate, or no memory */
	uint64_t value;	  /* before the step */
};

struct code_trail {
	bool known;
	/* Of known: */
	enum code_trail_kind made; /* CONSTANT, MOVED, WALKED */
	uint64_t function, pc;	   /* its entry, and the instruction; pc 0: one of several in that function */
	uint64_t value;		   /* what was made */
	size_t frame;		   /* of the function; SIZE_MAX: it has returned, */
	size_t called_by;	   /* to that frame */
	uint64_t called_at;	   /* whose call this is */
	bool is_passed, is_stored; /* an argument on the way; a word of memory that another frame read */
	/* Every word and register on the way that survives holds what the code says. */
	bool is_exact;
	/* Of not known: */
	enum code_trail_loss loss;
	uint64_t lost_at; /* an instruction; 0: none in particular */
	size_t lost_frame;
	/* From the crash back; one of the ways, where there are several. */
	struct code_trail_step steps[CODE_TRAIL_STEPS];
	size_t step_count;
};

struct code_trail_question {
	const struct core *core;
	const struct code_origin_place *places; /* innermost first; each with its stack pointer; outlive the call */
	size_t count;
	int number;	  /* the register at places[0]; -1: the word at `address` */
	uint64_t address; /* eight bytes of memory */
	unsigned bits;	  /* 32 or 64 of the register */
	uint64_t value;
	bool is_pointer; /* otherwise a number: an index, a divisor */
	bool has_other;	 /* register `other` is zero as well: one of them is the pointer, the other its index */
	int other;
	bool is_target; /* what the call at places[0], which is a return address, has as its target, not `number` */
};

/* Fills *ret. Without memory nothing is known. */
void code_trail_follow(const struct code_trail_question *question, struct code_trail *ret);

#endif
