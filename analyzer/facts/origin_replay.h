/* SPDX-License-Identifier: MIT */
/*
 * A function run again, from its entry to where it was, on the memory that it left: then it is known which way it took,
 * and where each register was read from. Only for analyzer/facts/origin*.c.
 *
 * What is known at the entry is what the caller kept and passed; all else is unknown, and so is what calls return and
 * what instructions beyond the arithmetic of addresses do. It ends where a branch hangs on something unknown. The
 * function's own stores to its frame are played again; those to other memory have been done already. So the end is
 * believed only when every register that is known then is what it was in truth.
 */
#ifndef ANALYZER_ORIGIN_REPLAY_H
#define ANALYZER_ORIGIN_REPLAY_H

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/facts/origin_text.h"

/* Where a value is from: number 0 is nowhere in particular. */
struct replay_load {
	bool is_entry;	  /* a register at the function's entry: `number` */
	int number;	  /* enum core_register */
	uint64_t address; /* else a word of memory, */
	uint64_t value;	  /* what it held, */
	uint32_t through; /* and the load that its address is from; 0: none */
};

/* Made of what was read or passed, but no longer that: where it is from is not told. */
#define REPLAY_MIXED UINT32_MAX

#define REPLAY_LOADS 4096
#define REPLAY_STORES 128
#define REPLAY_SHOWN 32
#define REPLAY_CODES 1024
#define REPLAY_CODE_BYTES 65536u

struct replay_value {
	uint64_t value;
	bool known;
	uint32_t from; /* index into loads; 0: the code's own; REPLAY_MIXED */
};

struct replay_store {
	uint64_t address; /* a multiple of eight */
	struct replay_value value;
};

struct replay_code {
	uint64_t address;
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

struct replay {
	const struct core *core;
	uint64_t start, end; /* of the function */
	uint64_t ip;
	struct replay_value registers[CORE_REGISTERS];
	bool flags_known, zero, sign, carry, overflow;
	struct replay_load loads[REPLAY_LOADS];
	uint32_t load_count;
	struct replay_store stores[REPLAY_STORES];
	size_t store_count;
	struct replay_code *codes; /* decoded so far */
	uint16_t *code_at;	   /* of each byte of the function, index + 1 */
	size_t code_count;
	uint64_t shown[REPLAY_SHOWN]; /* words of the frame whose address was taken: a call may write to them */
	size_t shown_count;
	bool stuck;
};

/* Runs to the instruction of `text` at `target` with the registers that were known there. `entry` has what is known at
 * the function's entry. True when that came out; then replay->registers are those of the target. The caller frees the
 * replay with replay_destroy(). */
bool replay_run(const struct text *text, uint64_t target, const struct replay_value entry[CORE_REGISTERS],
		struct replay **ret);
void replay_destroy(struct replay *replay);

/* origin_replay_step.c: carries one instruction out, and moves the instruction pointer on. */
void replay_step(struct replay *replay, const struct replay_code *code);

#endif
