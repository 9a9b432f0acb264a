/* SPDX-License-Identifier: MIT */
/* corelate sql: one read-only statement over the record, given or named. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/facts/record_symbol.h"
#include "cli/cli.h"
#include "cli/sql.h"
#include "cli/suggest.h"
#include "common/array.h"
#include "common/inert.h"
#include "schema/reader.h"
#include "schema/sql_named.h"

/* ---- what SQL calls ---- */

/* symbol(space, address[, ns]) */
static struct error *name_symbol(void *context, const struct store_value *arguments, int count, char **ret_text)
{
	for (int i = 0; i < count; i++) {
		if (arguments[i].type != STORE_INTEGER)
			return error_format(ERROR_INVALID,
					    "symbol() takes numbers: an address space's id, an address and a "
					    "time in nanoseconds");
	}
	return record_symbols_name(context, arguments[0].integer, (uint64_t)arguments[1].integer,
				   count > 2 ? (uint64_t)arguments[2].integer : UINT64_MAX, ret_text);
}

static volatile sig_atomic_t is_interrupted;

static void note_interrupt(int signal)
{
	(void)signal;
	is_interrupted = 1;
}

/* Ctrl-C, or a reader of the output who has gone, ends the statement. */
static bool go_on(void *context)
{
	struct pollfd output = {.fd = STDOUT_FILENO};

	(void)context;
	return !is_interrupted && !(poll(&output, 1, 0) > 0 && output.revents & POLLERR);
}

static struct error *run_statement(const struct cli_options *options, const char *sql,
				   const struct store_argument *arguments, size_t count)
{
	const struct sigaction action = {.sa_handler = note_interrupt};
	/* The store's function uses the symbols: they go after it. */
	cleanup_by(record_symbols_destroy) struct record_symbols *symbols = NULL;
	cleanup_by(store_reader_destroy) struct store_reader *store = NULL;
	cleanup_by(sql_output_destroy) struct sql_output *output = NULL;
	struct error *err = cli_open_store(options, &store);

	if (!err && !store)
		err = error_format(ERROR_NOT_FOUND, "nothing has been recorded (no database %s)", options->database);
	if (err)
		return err;
	err = record_symbols_create(store, &symbols);
	for (int parameters = 2; !err && parameters <= 3; parameters++)
		err = store_reader_add_function(store, "symbol", parameters, name_symbol, symbols);
	err = err ?: sql_output_create(options->json, &output);
	if (err)
		return err;
	sigaction(SIGINT, &action, NULL);
	store_reader_set_progress(store, go_on, NULL);
	err = store_reader_query_bound(store, sql, arguments, count, sql_output_take, output) ?: sql_output_end(output);
	/* Nobody is left to read the rest, nor this. */
	if (err && !is_interrupted && (ferror(stdout) || !go_on(NULL))) {
		error_destroy(err);
		err = NULL;
	}
	return err;
}

/* ---- queries with names ---- */

/* SQL has blanks; names have none. A lone SELECT or VALUES is no name, because of its letters. */
static bool is_name(const char *text)
{
	return text[0] && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

static struct error *load_query(const char *name, struct named_query *ret)
{
	struct error *err = named_query_load(name, ret);
	cleanup_free const char **names = NULL;
	const char *meant;
	size_t count = named_query_count();

	if (!error_catch(&err, ERROR_NOT_FOUND))
		return err;
	names = calloc(count, sizeof(*names));
	if (!names)
		return &error_no_memory;
	for (size_t i = 0; i < count; i++)
		names[i] = named_query_name(i);
	meant = suggest_word(name, names, count);
	return meant ? error_format(ERROR_NOT_FOUND, "there is no query '%s'; did you mean '%s'?", name, meant)
		     : error_format(ERROR_NOT_FOUND, "there is no query '%s'; see corelate sql --list", name);
}

static struct error *run_named(const struct cli_options *options, int *ret_status)
{
	struct store_argument arguments[NAMED_PARAMETERS_MAX];
	struct named_query query;
	struct error *err = load_query(options->arguments[0], &query);

	if (err)
		return err;
	err = named_query_bind(&query, options->arguments + 1, (size_t)options->argument_count - 1, arguments);
	if (err)
		*ret_status = CLI_USAGE;
	else
		err = run_statement(options, query.sql, arguments, query.parameter_count);
	named_query_deinit(&query);
	return err;
}

/* What stands behind a statement is bound to ?1, ?2 and so on: as a number when it looks like one. */
static struct error *run_given(const struct cli_options *options)
{
	struct store_argument arguments[SQL_ARGUMENTS_MAX] = {0};
	size_t count = (size_t)options->argument_count - 1;

	for (size_t i = 0; i < count; i++) {
		const char *text = options->arguments[i + 1];
		char *end;

		arguments[i].value = (struct store_value){.type = STORE_TEXT, .text = text};
		if (text[0] != '-' && (text[0] < '0' || text[0] > '9'))
			continue;
		arguments[i].value.integer =
			strncmp(text, "0x", 2) == 0 ? (int64_t)strtoull(text, &end, 16) : strtoll(text, &end, 10);
		if (end != text && !*end)
			arguments[i].value.type = STORE_INTEGER;
	}
	return run_statement(options, options->arguments[0], arguments, count);
}

static struct error *show_query(const char *name)
{
	struct named_query query;
	struct error *err = load_query(name, &query);

	if (err)
		return err;
	fputs(query.sql, stdout);
	named_query_deinit(&query);
	return NULL;
}

static struct error *run_sql(const struct cli_options *options, int *ret_status)
{
	int modes = options->list_queries + !!options->show_query + options->dictionary;

	if (modes > 1 || (modes && options->argument_count) || (!modes && !options->argument_count) ||
	    (options->format && !options->dictionary)) {
		*ret_status = CLI_USAGE;
		return error_format(ERROR_INVALID,
				    "usage: corelate sql QUERY|NAME [PARAMETER...], corelate sql --list, corelate sql "
				    "--show NAME, or corelate sql --dictionary [--format FORM]");
	}
	if (options->list_queries)
		return sql_list(options);
	if (options->show_query)
		return show_query(options->show_query);
	if (options->dictionary)
		return sql_dictionary(options);
	if (is_name(options->arguments[0]))
		return run_named(options, ret_status);
	return run_given(options);
}

#define AT(member) .offset = offsetof(struct cli_options, member)

static const struct option_row own_options[] = {
	{.name = "list",
	 .help = "print the named queries: what they answer, what they take",
	 .store = OPTION_FLAG,
	 AT(list_queries)},
	{.name = "show", .argument = "NAME", .help = "print the named query", .store = OPTION_TEXT, AT(show_query)},
	{.name = "dictionary",
	 .help = "print what each table, view and column of the database holds",
	 .store = OPTION_FLAG,
	 AT(dictionary)},
	{.name = "format",
	 .argument = "FORM",
	 .words = "text|markdown|json|man",
	 .help = "of the dictionary: text (the default), markdown, json, or man (a part of a man page)",
	 .store = OPTION_TEXT,
	 AT(format)},
};

const struct cli_command cli_sql = {
	.name = "sql",
	.arguments = "[QUERY|NAME [PARAMETER...]]",
	.summary = "ask the record: a question with a name, or one read-only SQL statement",
	.details =
		"NAME is one of corelate sql --list. A QUERY's parameters are bound to ?1, ?2 and so on. Columns are "
		"separated by |.\n"
		"Views for people begin with v_; corelate sql --dictionary tells what each table and column holds.\n"
		"Every query may use addr(x), address(text), page_floor(x), page_ceil(x), overlaps(a, b, c, d),\n"
		"errno_name(n), signal_name(n), protection(prot), map_flags(flags), date_of(ns, recording) and\n"
		"symbol(space, address, ns), lost_between(space, ns, ns), and the tables mapping_life, unmap_again, "
		"heap_life and free_again (of "
		"all\n"
		"address spaces, or of one and what it inherited: mapping_life(7)); the named queries show them in "
		"use.\n",
	.flags = CLI_DB | CLI_JSON | CLI_PAGER,
	.least = 0,
	.most = 1 + SQL_ARGUMENTS_MAX,
	.options = own_options,
	.option_count = array_size(own_options),
	.run = run_sql,
};
