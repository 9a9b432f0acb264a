/* SPDX-License-Identifier: MIT */
/* What the completions of the three shells share: what a word of the command line may be. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <stdio.h>

#include "common/option_table.h"

enum complete_kind {
	COMPLETE_NOTHING, /* cannot be guessed */
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_PID,
	COMPLETE_USER,
	COMPLETE_COMM,
	COMPLETE_CRASH, /* the ids of `corelate list`, or a file */
	COMPLETE_VERB,
	COMPLETE_QUERY, /* the names of `corelate sql --list` */
	COMPLETE_COMMAND,
};

/* By the name of an argument, such as FILE, "ELF[:FUNCTION]" or CRASH. */
enum complete_kind complete_kind_of(const char *name);

/* The operands of a verb, from its `arguments` ("ADDRESS [CRASH]"); returns how many, COMPLETE_OPERANDS at most. */
#define COMPLETE_OPERANDS 4
size_t complete_operands(const char *arguments, enum complete_kind ret_kinds[COMPLETE_OPERANDS]);

/* The first line of a row's help, up to its first clause. Returns its length. */
int complete_help_length(const char *help);

/* `text` with a backslash before each character of `special`, for the inside of single quotes of a shell; "\n" becomes
 * a blank, and a single quote what the shell wants in its place. */
void complete_write_quoted(const char *text, int length, const char *special, FILE *out);

/* "a|b" with another character between. */
void complete_write_words(const char *words, char between, FILE *out);

/* The shell command that prints the ids of the recorded crashes, one a line; it contains no single quotes. */
extern const char complete_crash_ids[];
extern const char complete_query_names[];

#endif
