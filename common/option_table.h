/* SPDX-License-Identifier: MIT */
/*
 * A program's options as rows of one const table, from which everything is made that must agree: what getopt_long()
 * accepts, the help, the errors, and (cli/manual.h) man pages and completions.
 */
#ifndef COMMON_OPTION_TABLE_H
#define COMMON_OPTION_TABLE_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* How an option becomes a member of the structure that its row's `offset` points into. */
enum option_store {
	OPTION_ACT,    /* the reader acts on it itself, by letter or id */
	OPTION_FLAG,   /* bool: true */
	OPTION_TEXT,   /* const char *: the argument, which must be one of `words` if there are words */
	OPTION_CHOICE, /* int: which of `words`, from 0; the last one where the argument is left out */
};

struct option_row {
	const char *name; /* long, without dashes */
	char letter;	  /* the short option; 0 for none */
	bool optional;	  /* the argument may be left out: --name or --name=ARGUMENT */
	int id; /* what getopt_long() returns for an option without a letter, from 256 on; 0: the table gives one */
	/* The argument's name, NULL for none. It tells completion what to offer: FILE and DIRECTORY (paths), PID, USER,
	 * COMM (the name of a running process); any other nothing but `words`. */
	const char *argument;
	const char *words; /* the arguments there are, "text|json"; NULL for any */
	const char *help;  /* folded as below; NULL hides the option */
	unsigned needs;	   /* flags that a verb must have, one of them, to take it; 0 for every verb */
	enum option_store store;
	size_t offset;
};

/* What getopt_long() wants. Long names may be cut as long as they stay unique. */
#define OPTION_TABLE_MAX 64
struct option_table {
	const struct option_row *rows[OPTION_TABLE_MAX];
	size_t count;
	struct option names[OPTION_TABLE_MAX + 1];
	char letters[3 * OPTION_TABLE_MAX + 3];
};

/* Adds rows; of two with one name or letter the first added stands. `ordered`: the first word that is no option ends
 * the options. The rows must outlive the table. */
void option_table_init(struct option_table *table, bool ordered);
void option_table_add(struct option_table *table, const struct option_row *row);

/* The row of what getopt_long() returned; NULL for '?' and ':'. */
const struct option_row *option_table_find(const struct option_table *table, int option);

/* After getopt_long() returned '?' or ':': the word that was wrong, as given; `text` (of 8 bytes) may hold it. */
const char *option_table_given(char **argv, char text[8]);

/* Whether `word` is one of "a|b|c", and which one. */
bool option_word_find(const char *words, const char *word, int *ret_index);

/* Option lines of a help text, in two columns; hidden rows are left out. */
void option_table_write_help(const struct option_row *const *rows, size_t count, FILE *out);
/* `text` folded at blanks to OPTION_HELP_WIDTH columns, each line but the first after `indent` blanks. Lines that begin with
 * two blanks stand as they are, those that begin with one begin a line; an empty line parts paragraphs. */
#define OPTION_HELP_WIDTH 100
void option_write_folded(const char *text, int indent, FILE *out);

#endif
