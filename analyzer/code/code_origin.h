/* SPDX-License-Identifier: MIT */
/*
 * Where a register had its value from: the memory word that it was read from, the word that the pointer to that one was
 * read from, and so on. A pure function of the core: decodes the functions on the stack up to where they are
 * and follows copies, loads and arguments backwards, from a function into its caller.
 *
 * It follows the text, not the way that was taken, which nobody recorded. So a word is named only when the memory still
 * holds the value that was read; a list that was walked is walked again, and the link that holds the value is named.
 * Nothing is followed past a call that may have changed the register, or through what a call returned.
 */
#ifndef ANALYZER_CODE_ORIGIN_H
#define ANALYZER_CODE_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/code/code_pointer_link.h"
#include "analyzer/core/core.h"
#include "common/cleanup.h"

/* A function on the stack, as far as its registers are known. */
struct code_origin_place {
	uint64_t pc;
	bool after_call; /* pc is a return address; otherwise the instruction there was not executed */
	uint64_t registers[CORE_REGISTERS];
	uint32_t known; /* bit n: registers[n] is known */
};
#define CODE_ORIGIN_PLACES 6

struct code_origin_search; /* the functions' decoded text */

/* `places`, innermost first, must outlive the search. NULL without memory. */
struct code_origin_search *code_origin_search_create(const struct core *core, const struct code_origin_place *places,
						     size_t count);
void code_origin_search_destroy(struct code_origin_search *search);
DEFINE_CLEANUP(struct code_origin_search, code_origin_search_destroy)

#define CODE_ORIGIN_WORDS 2

enum code_origin_end {
	CODE_ORIGIN_LOST,     /* cannot be told */
	CODE_ORIGIN_WORD,     /* read from memory */
	CODE_ORIGIN_CONSTANT, /* the code's own */
	CODE_ORIGIN_RETURNED, /* a called function returned it */
};

/* A register's value just before an instruction. */
struct code_origin_value {
	size_t place;
	uint64_t at; /* the instruction; 0: the place itself */
	int number;  /* enum core_register */
	uint64_t value;
};

struct code_origin {
	enum code_origin_end end;
	uint64_t address; /* CODE_ORIGIN_WORD: of the word, which holds `value` */
	uint64_t value;	  /* the register's, less what was added to it since it was read */
	bool is_exact;	  /* no branch leads in between: the word is the one that was read */
	/* The pointer that the word was read through; number -1: none, or not known. */
	struct code_origin_value through;
	/* The link before, in a list that was walked to the word: holds through.value. 0: none. */
	uint64_t link_before;
	/* The words before that one, each held the pointer to the one behind it; as far as a function that was run
	 * again tells. */
	uint64_t more_addresses[CODE_ORIGIN_WORDS], more_values[CODE_ORIGIN_WORDS];
	size_t more_count;
};

/* Where that value came from. */
void code_origin_follow(struct code_origin_search *search, const struct code_origin_value *value,
			struct code_origin *ret);

/* The word that the call at places[0].pc takes its target from, where it does so from memory or a register. */
void code_origin_of_call(struct code_origin_search *search, uint64_t target, struct code_origin *ret);

/* The address of the call that ends at places[place].pc; 0 when it is none. */
uint64_t code_origin_call_before(struct code_origin_search *search, size_t place);

/* True when the function at places[place] stores to one of the eight bytes at `address` before it gets to where it is,
 * as far as its text tells. */
bool code_origin_stores_to(struct code_origin_search *search, size_t place, uint64_t address);

/* How the pointer in `number` came to be there: a copy or a load a link, ret_links[0] the register itself. Only what no
 * branch of the function leads into the middle of. Returns how many links there are, at least one. */
size_t code_origin_of_pointer(const struct core *core, const uint64_t registers[CORE_REGISTERS], int number,
			      struct code_pointer_link ret_links[CODE_POINTER_LINKS]);

/* Reads a word as the process would have: anonymous memory that was never written to is in the core without its bytes,
 * and holds zeroes (Linux fs/coredump.c, vma_dump_size). */
bool code_origin_read_word(const struct core *core, uint64_t address, uint64_t *ret_word);

/* Every byte of the page of `address` is zero, as above. False also when it is not known. */
bool code_origin_page_is_zero(const struct core *core, uint64_t address);

#endif
