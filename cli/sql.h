/* SPDX-License-Identifier: MIT */
/* The parts of corelate sql: rows on standard output, the list of named queries, the data dictionary. */
#ifndef CLI_SQL_H
#define CLI_SQL_H

#include <stdbool.h>

#include "cli/cli.h"
#include "common/cleanup.h"

#define SQL_ARGUMENTS_MAX 8

/* Writes rows as they come: text, or an array of JSON objects (enum cli_json). Nothing is written before the first row
 * or the end. Whatever a name or a value holds comes out inert. */
struct sql_output;

struct error *sql_output_create(int json, struct sql_output **ret) must_check;
void sql_output_destroy(struct sql_output *output);
DEFINE_CLEANUP(struct sql_output, sql_output_destroy)

/* A store_row_function; false when standard output takes no more, or when memory ran out (see the end). */
bool sql_output_take(void *output, int columns, const char *const *names, const char *const *values);
struct error *sql_output_end(struct sql_output *output) must_check;

struct error *sql_list(const struct cli_options *options) must_check;
struct error *sql_dictionary(const struct cli_options *options) must_check;

#endif
