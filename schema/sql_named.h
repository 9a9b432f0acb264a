/* SPDX-License-Identifier: MIT */
/*
 * Queries with names: schema/queries/NAME.sql, each the answer to a question of somebody who looks for the cause of a
 * crash. They are part of the program. A file opens with what it is, in comments:
 *
 *	-- Question: one line that ends in a question mark.
 *	-- Parameter: NAME KIND: what it is.              (must be given)
 *	-- Parameter: NAME KIND = VALUE: what it is.      (VALUE when it is not given)
 *	-- Parameter: NAME KIND optional: what it is.     (NULL when it is not given)
 *	-- Column: NAME: what it holds.
 *	-- Example: corelate sql NAME ARGUMENT
 *
 * Parameters are given in that order and bound as :NAME. KIND is address, number or text. Any line of the head may go
 *on in the next, which then begins with "--" and two blanks or more.
 */
#ifndef SCHEMA_SQL_NAMED_H
#define SCHEMA_SQL_NAMED_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "schema/sql_query.h"

enum named_kind { NAMED_ADDRESS, NAMED_NUMBER, NAMED_TEXT };

struct named_parameter {
	char *name; /* with the colon: ":pid" */
	enum named_kind kind;
	bool required;
	char *fallback; /* NULL: none, or SQL NULL */
	char *meaning;
};

struct named_column {
	char *name;
	char *meaning;
};

#define NAMED_PARAMETERS_MAX 4
#define NAMED_COLUMNS_MAX 32

struct named_query {
	const char *name;
	const char *sql; /* the whole file */
	char *question;
	char *example;
	struct named_parameter parameters[NAMED_PARAMETERS_MAX];
	size_t parameter_count;
	struct named_column columns[NAMED_COLUMNS_MAX];
	size_t column_count;
};

/* By name, ascending. */
size_t named_query_count(void);
const char *named_query_name(size_t index);

/* ERROR_NOT_FOUND; ERROR_INVALID for a head that is not as told above, which a test excludes. Free with
 * named_query_deinit(). */
struct error *named_query_load(const char *name, struct named_query *ret) must_check;
void named_query_deinit(struct named_query *query);

/* The values to bind for what was given. `ret_arguments` has room for NAMED_PARAMETERS_MAX and points into `query` and
 * `given`. ERROR_INVALID, with the parameter's name and meaning, when one is missing, is no number, or is too many. */
struct error *named_query_bind(const struct named_query *query, char *const *given, size_t given_count,
			       struct store_argument *ret_arguments) must_check;

#endif
