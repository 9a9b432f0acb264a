/* SPDX-License-Identifier: MIT */
/* A stack that was overwritten: what shows it, and in which words. Pure. */
#ifndef ANALYZER_STACK_CORRUPTION_H
#define ANALYZER_STACK_CORRUPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/crash.h"
#include "analyzer/words.h"

/* The first frame of the crashed thread whose return address is no code, although call frame information led to it, and
 * no uretprobe has put it there. SIZE_MAX for none: then the stack may still be overwritten elsewhere. */
size_t corruption_first_lost(const struct crash *crash);

/* A return that led to where no code is. */
struct smashed {
	uint64_t target; /* where the return led */
	uint64_t slot;	 /* where the return address had been */
	bool refused;	 /* the instruction at hand is the return */
};

/* Was it a return that faulted? Needs the fault, and no stacks. */
bool corruption_find_return(const struct crash *crash, struct smashed *ret);

/* "0x4141414141414141 (\"AAAAAAAA\")": a word, and what its bytes spell, if they do. */
const char *words_spelled(struct words *words, uint64_t word);

/* Do at least six of the word's bytes spell text, with zeroes only behind it? */
bool corruption_is_text(uint64_t word);

/* Did a write run over the upper end of the thread's stack, having begun inside it? */
bool corruption_ran_off_the_top(const struct crash *crash);

#endif
