/* SPDX-License-Identifier: MIT */
/*
 * What the readers of facts share. Each file has the lines of one topic: facts_words.c what lines are made of,
 * facts_death.c signal and fault, facts_record.c recorded calls, facts_memory.c the memory that the fault hangs on,
 * facts_picture.c the core, facts_stack.c stacks, handlers and runtimes, facts_tracing.c uretprobes, facts_heap.c the
 * heap; facts.c puts them together. Not for others.
 */
#ifndef TESTS_DETECT_FACTS_PARSER_H
#define TESTS_DETECT_FACTS_PARSER_H

#include "tests/causes/facts.h"
#include "tests/causes/facts_core.h"

#define MAX_EVENTS 256
#define MAX_NAMES 64

struct named_value {
	char name[32];
	uint64_t value;
};

struct parser {
	const char *path;
	unsigned line;
	const char *at; /* the rest of the line */
	struct named_value names[MAX_NAMES];
	size_t name_count;
	struct memory_event events[MAX_EVENTS]; /* of the whole address space */
	struct event_context contexts[MAX_EVENTS];
	size_t event_count;
	uint64_t newest_exit_ns;
	bool has_signal, has_page, has_death, has_record;
	struct facts_core core; /* with map_count 0: there is none */
	struct frame frames[16];
	size_t frame_count;
	struct crash *crash;
};

/* A line by its first word, and what reads the rest of it. */
struct facts_line {
	const char *keyword;
	void (*read)(struct parser *parser);
};

/* Reads the rest of the line if its keyword is among `lines`; false when it is not. */
bool facts_read_by(const struct facts_line *lines, size_t count, struct parser *parser, const char *keyword);

/* Ends the program with the place in the file. */
void facts_fail(const struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* The same, with what comes next on the line. */
void facts_bad(const struct parser *parser, const char *message) __attribute__((noreturn));

bool facts_at_end(struct parser *parser);

/* The next word, up to a blank, a bracket, a comma or an equals sign. */
void facts_read_word(struct parser *parser, char *word, size_t size);

/* Takes `text` if it comes next as a whole word or mark. */
bool facts_accept(struct parser *parser, const char *text);

/* The same of what must come next. */
void facts_expect(struct parser *parser, const char *text);

/* A copy that the caller frees. */
char *facts_copy(const char *text);

/* Terms joined by +, - and |, from left to right; a leading - negates. */
uint64_t facts_read_number(struct parser *parser);

/* The rest of the line without leading blanks. With `set`, a place in it, reading goes on from there. */
const char *facts_rest(struct parser *parser, const char *set);

struct crash *facts_crash(struct parser *parser);

/* A whole number with its unit: "250us"; "end" is the end of time. */
uint64_t facts_read_time(struct parser *parser);

/* MODULE [FUNCTION+OFFSET] */
void facts_read_caller(struct parser *parser, struct symbol *symbol);

/* name NAME = NUMBER */
void facts_read_name(struct parser *parser);

/* Each reads the rest of a line of its file; false when the keyword is none of its own. */
bool facts_read_death_line(struct parser *parser, const char *keyword);
bool facts_read_record_line(struct parser *parser, const char *keyword);
bool facts_read_memory_line(struct parser *parser, const char *keyword);
bool facts_read_picture_line(struct parser *parser, const char *keyword);
bool facts_read_stack_line(struct parser *parser, const char *keyword);
bool facts_read_tracing_line(struct parser *parser, const char *keyword);
bool facts_read_heap_line(struct parser *parser, const char *keyword);

/* What is put together from them when all is read, in this order. */
void facts_build_core(struct parser *parser);
void facts_finish_memory(struct parser *parser);
void facts_finish_heap(struct parser *parser);
/* Contexts that the biography did not take over still own their strings. */
void facts_drop_unused_contexts(struct parser *parser);

#endif
