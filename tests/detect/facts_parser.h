/* SPDX-License-Identifier: MIT */
/* What the readers of facts share: facts.c has the lines about memory and its record, facts_stack.c those about stacks,
 * handlers and runtimes. Not for others. */
#ifndef TESTS_DETECT_FACTS_PARSER_H
#define TESTS_DETECT_FACTS_PARSER_H

#include "tests/detect/facts.h"

struct parser;

/* Ends the program with the place in the file. */
void facts_bad(const struct parser *parser, const char *message) __attribute__((noreturn));

bool facts_at_end(struct parser *parser);

/* The next word, up to a blank, a bracket, a comma or an equals sign. */
void facts_read_word(struct parser *parser, char *word, size_t size);

/* Takes `text` if it comes next as a whole word or mark. */
bool facts_accept(struct parser *parser, const char *text);

/* Terms joined by +, - and |, from left to right; a leading - negates. */
uint64_t facts_read_number(struct parser *parser);

/* The rest of the line without leading blanks. With `set`, a place in it, reading goes on from there. */
const char *facts_rest(struct parser *parser, const char *set);

struct crash *facts_crash(struct parser *parser);

/* A whole number with its unit: "250us"; "end" is the end of time. */
uint64_t facts_read_time(struct parser *parser);

/* MODULE [FUNCTION+OFFSET] */
void facts_read_caller(struct parser *parser, struct symbol *symbol);

/* Lines of facts_heap.c; and what is put together from them when all is read. */
bool facts_read_heap_line(struct parser *parser, const char *keyword);
void facts_finish_heap(struct parser *parser);

/* Reads the rest of a line of facts_stack.c; false when the keyword is none of its own. */
bool facts_read_stack_line(struct parser *parser, const char *keyword);

/* The same of facts_tracing.c. */
bool facts_read_tracing_line(struct parser *parser, const char *keyword);

#endif
