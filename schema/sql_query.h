/* SPDX-License-Identifier: MIT */
/*
 * SQL of people: one statement, which reads, with functions and tables beside those of the file.
 */
#ifndef SCHEMA_SQL_QUERY_H
#define SCHEMA_SQL_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct store_reader;

/* One result row as text; `values[i]` is NULL for SQL NULL. Return false to stop. */
typedef bool (*store_row_function)(void *context, int columns, const char *const *names, const char *const *values);

enum store_value_type { STORE_NULL = 0, STORE_INTEGER, STORE_TEXT };

struct store_value {
	enum store_value_type type;
	int64_t integer;
	const char *text; /* the owner's */
};

/* A value for a parameter of a statement, which is bound and never becomes part of its text. */
struct store_argument {
	const char *name; /* ":address"; NULL for the one that has only a place, counted from 1 */
	struct store_value value;
};

/* Runs one read-only statement. ERROR_INVALID with SQLite's text for a bad statement, for more than one statement, for
 * any statement that would write, for parameters that got no value and for values that no parameter takes.
 *
 * Every statement has the functions addr(x), address(text), page_floor(x), page_ceil(x), overlaps(a, b, c, d),
 * errno_name(n), signal_name(n), protection(prot), map_flags(flags), date_of(ns[, recording]), and the table-valued
 * functions mapping_life, unmap_again, heap_life and free_again (sql_replay_table.c). */
struct error *store_reader_query_bound(struct store_reader *, const char *sql, const struct store_argument *arguments,
				       size_t argument_count, store_row_function row, void *context) must_check;
/* The same without parameters. */
struct error *store_reader_query(struct store_reader *, const char *sql, store_row_function row,
				 void *context) must_check;

#define STORE_FUNCTION_ARGUMENTS_MAX 4

/* A function that SQL can call afterwards. Its arguments are numbers and texts; where one is NULL, the result is, and
 * the function is not called. *ret_text is a text from malloc, or stays NULL for NULL. Its errors end the statement. It
 * may ask the reader. `context` must live as long as the reader. */
typedef struct error *(*store_sql_function)(void *context, const struct store_value *arguments, int count,
					    char **ret_text);
struct error *store_reader_add_function(struct store_reader *, const char *name, int arguments,
					store_sql_function function, void *context) must_check;

/* Is asked many times a second while a statement runs; false ends it, with ERROR_SYSTEM "interrupted". NULL for none.
 */
typedef bool (*store_progress_function)(void *context);
void store_reader_set_progress(struct store_reader *, store_progress_function progress, void *context);

#endif
