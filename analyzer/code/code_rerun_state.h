/* SPDX-License-Identifier: MIT */
/* Registers and memory of a function that is run again. Only for code_rerun*.c. */
#ifndef ANALYZER_CODE_RERUN_STATE_H
#define ANALYZER_CODE_RERUN_STATE_H

#include "analyzer/code/code_rerun.h"

/* Where something is from that was made of that. */
static inline uint32_t code_rerun_mixed(uint32_t from)
{
	return from ? CODE_RERUN_MIXED : 0;
}

/* The sign of a number of so many bits, extended to 64. */
static inline uint64_t code_rerun_extend(uint64_t value, unsigned bits)
{
	return bits >= 64 ? value : (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

/* An operand before the instruction, by its number. Reads of memory are noted in rerun->loads. */
struct code_rerun_value code_rerun_read(struct code_rerun *rerun, const struct code_instruction *code, unsigned number);

/* The operand is that now. Where an address is not known, nothing is written: what is read from the core holds all the
 * same, since it was done before. */
void code_rerun_write(struct code_rerun *rerun, const struct code_instruction *code, unsigned number,
		      struct code_rerun_value value);

/* The address of a memory operand, and the load that its base or index is from. False: not known. */
bool code_rerun_address_of(const struct code_rerun *rerun, const struct code_instruction *code,
			   const struct code_memory *memory, uint64_t *ret, uint32_t *ret_through);

/* What the function stored in the word at that multiple of eight; NULL: nothing. */
struct code_rerun_store *code_rerun_find_store(struct code_rerun *rerun, uint64_t word);

/* Stores a whole word. */
void code_rerun_write_word(struct code_rerun *rerun, uint64_t word, struct code_rerun_value value);

#endif
