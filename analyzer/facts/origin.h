/* SPDX-License-Identifier: MIT */
/*
 * Where a register had its value from: the memory word that the code before an instruction read it from. A pure
 * function of the core: decodes the function up to the instruction (Zydis) and follows moves and loads backwards.
 *
 * It follows the text, not the way that was taken: a branch into the middle can make it wrong. So an answer is given
 * only when the memory still holds the value that the register has, and nothing is followed past a call that may have
 * changed the register, a jump or a return.
 */
#ifndef ANALYZER_ORIGIN_H
#define ANALYZER_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/unwind/unwind.h"

/* The word that `number` (enum core_register) was read from, with the registers as they are before the instruction at
 * `registers[CORE_RIP]`. False when it cannot be told. */
bool origin_of_register(const struct core *core, const uint64_t registers[CORE_REGISTERS], int number,
			uint64_t *ret_address);

/* How the pointer in `number` came to be there: a copy or a load a link, ret_links[0] the register itself. Only what no
 * branch of the function leads into the middle of. Returns how many links there are, at least one. */
size_t origin_of_pointer(const struct core *core, const uint64_t registers[CORE_REGISTERS], int number,
			 struct pointer_link ret_links[POINTER_LINKS]);

/* Reads a word as the process would have: anonymous memory that was never written to is in the core without its bytes,
 * and holds zeroes (Linux fs/coredump.c, vma_dump_size). */
bool origin_read_word(const struct core *core, uint64_t address, uint64_t *ret_word);

/* Every byte of the page of `address` is zero, as above. False also when it is not known. */
bool origin_page_is_zero(const struct core *core, uint64_t address);

#endif
