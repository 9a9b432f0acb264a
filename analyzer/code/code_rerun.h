/* SPDX-License-Identifier: MIT */
/*
 * A function run again, from its entry to where it was, on the memory that it left: then it is known which way it took,
 * and where each register was read from. Only for analyzer/code/code_origin*.c.
 *
 * What is known at the entry is what the caller kept and passed; all else is unknown, and so is what calls return and
 * what instructions beyond the arithmetic of addresses do. It ends where a branch hangs on something unknown. The
 * function's own stores to its frame are played again; those to other memory have been done already. So the end is
 * believed only when every register that is known then is what it was in truth.
 */
#ifndef ANALYZER_CODE_RERUN_H
#define ANALYZER_CODE_RERUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/code/code_text.h"
#include "common/cleanup.h"

/* Where a value is from: number 0 is nowhere in particular. */
struct code_rerun_load {
	bool is_entry;	  /* a register at the function's entry: `number` */
	int number;	  /* enum core_register */
	uint64_t address; /* else a word of memory, */
	uint64_t value;	  /* what it held, */
	uint32_t through; /* and the load that its address is from; 0: none */
};

/* Made of what was read or passed, but no longer that: where it is from is not told. */
#define CODE_RERUN_MIXED UINT32_MAX

#define CODE_RERUN_LOADS 4096
#define CODE_RERUN_STORES 128
#define CODE_RERUN_SHOWN 32
#define CODE_RERUN_CODES 1024
#define CODE_RERUN_CODE_BYTES 65536u

struct code_rerun_value {
	uint64_t value;
	bool known;
	uint32_t from; /* index into loads; 0: the code's own; CODE_RERUN_MIXED */
};

struct code_rerun_store {
	uint64_t address; /* a multiple of eight */
	struct code_rerun_value value;
};

struct code_rerun {
	const struct core *core;
	const struct code_machine *machine;
	uint64_t start, end; /* of the function */
	uint64_t ip;
	struct code_rerun_value registers[CORE_REGISTERS];
	bool flags_known, zero, sign, carry, overflow;
	struct code_rerun_load loads[CODE_RERUN_LOADS];
	uint32_t load_count;
	struct code_rerun_store stores[CODE_RERUN_STORES];
	size_t store_count;
	struct code_instruction *codes; /* decoded so far */
	uint16_t *code_at;		/* of each byte of the function, index + 1 */
	size_t code_count;
	uint64_t shown[CODE_RERUN_SHOWN]; /* words of the frame whose address was taken: a call may write to them */
	size_t shown_count;
	bool stuck;
};

/* Runs to the instruction of `text` at `target` with the registers that were known there. `entry` has what is known at
 * the function's entry. True when that came out; then rerun->registers are those of the target. The caller frees the
 * rerun with code_rerun_destroy(). */
bool code_rerun_run(const struct code_text *text, uint64_t target, const struct code_rerun_value entry[CORE_REGISTERS],
		    struct code_rerun **ret);
void code_rerun_destroy(struct code_rerun *rerun);
DEFINE_CLEANUP(struct code_rerun, code_rerun_destroy)

/* code_rerun_step.c: carries one instruction out, and moves the instruction pointer on. */
void code_rerun_step(struct code_rerun *rerun, const struct code_instruction *code);

#endif
