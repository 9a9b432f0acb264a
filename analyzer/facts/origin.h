/* SPDX-License-Identifier: MIT */
/*
 * Where a register had its value from: the memory word that it was read from, the word that the pointer to that one was
 * read from, and so on. A pure function of the core: decodes the functions on the stack up to where they are (Zydis)
 * and follows copies, loads and arguments backwards, from a function into its caller.
 *
 * It follows the text, not the way that was taken, which nobody recorded. So a word is named only when the memory still
 * holds the value that was read; a list that was walked is walked again, and the link that holds the value is named.
 * Nothing is followed past a call that may have changed the register, or through what a call returned.
 */
#ifndef ANALYZER_ORIGIN_H
#define ANALYZER_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/unwind/unwind.h"

/* A function on the stack, as far as its registers are known. */
struct origin_place {
	uint64_t pc;
	bool after_call; /* pc is a return address; otherwise the instruction there was not executed */
	uint64_t registers[CORE_REGISTERS];
	uint32_t known; /* bit n: registers[n] is known */
};
#define ORIGIN_PLACES 6

struct origin_search; /* the functions' decoded text */

/* `places`, innermost first, must outlive the search. NULL without memory. */
struct origin_search *origin_search_create(const struct core *core, const struct origin_place *places, size_t count);
void origin_search_destroy(struct origin_search *search);

#define ORIGIN_WORDS 2

enum origin_end {
	ORIGIN_LOST,	 /* cannot be told */
	ORIGIN_WORD,	 /* read from memory */
	ORIGIN_CONSTANT, /* the code's own */
	ORIGIN_RETURNED, /* a called function returned it */
};

/* A register's value just before an instruction. */
struct origin_value {
	size_t place;
	uint64_t at; /* the instruction; 0: the place itself */
	int number;  /* enum core_register */
	uint64_t value;
};

struct origin {
	enum origin_end end;
	uint64_t address; /* ORIGIN_WORD: of the word, which holds `value` */
	uint64_t value;	  /* the register's, less what was added to it since it was read */
	bool is_exact;	  /* no branch leads in between: the word is the one that was read */
	/* The pointer that the word was read through; number -1: none, or not known. */
	struct origin_value through;
	/* The link before, in a list that was walked to the word: holds through.value. 0: none. */
	uint64_t link_before;
	/* The words before that one, each held the pointer to the one behind it; as far as a function that was run
	 * again tells. */
	uint64_t more_addresses[ORIGIN_WORDS], more_values[ORIGIN_WORDS];
	size_t more_count;
};

/* Where that value came from. */
void origin_follow(struct origin_search *search, const struct origin_value *value, struct origin *ret);

/* The word that the call at places[0].pc takes its target from, where it does so from memory or a register. */
void origin_of_call(struct origin_search *search, uint64_t target, struct origin *ret);

/* The address of the call that ends at places[place].pc; 0 when it is none. */
uint64_t origin_call_before(struct origin_search *search, size_t place);

/* True when the function at places[place] stores to one of the eight bytes at `address` before it gets to where it is,
 * as far as its text tells. */
bool origin_stores_to(struct origin_search *search, size_t place, uint64_t address);

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
