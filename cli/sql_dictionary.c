/* SPDX-License-Identifier: MIT */
/* corelate sql --dictionary. */
#include <string.h>

#include "cli/json.h"
#include "cli/roff.h"
#include "cli/sql.h"
#include "schema/dictionary.h"
#include "schema/sql_named.h"

static void write_text(const struct dictionary_table *table)
{
	printf("%s (%s)\n    %s\n", table->name, table->is_view ? "view" : "table", table->meaning);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct dictionary_column *column = &table->columns[i];

		printf("    %-20s %-8s %-8s %s\n", column->name, column->type, column->unit ? column->unit : "",
		       column->meaning);
	}
	putchar('\n');
}

/* A bar ends a cell, also in code. */
static void write_cell(const char *text)
{
	for (; *text; text++) {
		if (strchr("|<>[]*_\\", *text))
			putchar('\\');
		putchar(*text);
	}
}

static void write_markdown(const struct dictionary_table *table)
{
	printf("## %s\n\n", table->name);
	write_cell(table->meaning);
	printf(" (%s)\n\n| Column | Type | Unit | Meaning |\n| --- | --- | --- | --- |\n",
	       table->is_view ? "View" : "Table");
	for (size_t i = 0; i < table->column_count; i++) {
		const struct dictionary_column *column = &table->columns[i];

		printf("| `%s` | %s | %s | ", column->name, column->type, column->unit ? column->unit : "");
		write_cell(column->meaning);
		puts(" |");
	}
	putchar('\n');
}

/* For corelate-database(7). */
static void write_man(const struct dictionary_table *table, bool first_of_kind)
{
	if (first_of_kind)
		puts(table->is_view ? ".SH VIEWS" : ".SH TABLES");
	printf(".SS %s\n", table->name);
	roff_write_text(table->meaning, strlen(table->meaning), stdout);
	putchar('\n');
	for (size_t i = 0; i < table->column_count; i++) {
		const struct dictionary_column *column = &table->columns[i];

		printf(".TP\n\\fB%s\\fR %s%s%s\n", column->name, column->type,
		       column->type[0] && column->unit ? ", " : "", column->unit ? column->unit : "");
		roff_write_text(column->meaning, strlen(column->meaning), stdout);
		putchar('\n');
	}
}

static struct error *write_man_queries(void)
{
	puts(".SH NAMED QUERIES");
	for (size_t i = 0; i < named_query_count(); i++) {
		struct named_query query;
		struct error *err = named_query_load(named_query_name(i), &query);

		if (err)
			return err;
		fputs(".TP\n", stdout);
		roff_write_bold(query.name, strlen(query.name), stdout);
		for (size_t k = 0; k < query.parameter_count; k++)
			printf(query.parameters[k].required ? " \\fI%s\\fR" : " [\\fI%s\\fR]",
			       query.parameters[k].name + 1);
		putchar('\n');
		roff_write_text(query.question, strlen(query.question), stdout);
		putchar('\n');
		named_query_deinit(&query);
	}
	return NULL;
}

static json_t *table_json(const struct dictionary_table *table)
{
	json_t *columns = json_array();

	for (size_t i = 0; i < table->column_count; i++) {
		const struct dictionary_column *column = &table->columns[i];

		json_array_append_new(columns, json_pack("{s:s, s:s?, s:s?, s:s}", "name", column->name, "type",
							 column->type[0] ? column->type : NULL, "unit", column->unit,
							 "meaning", column->meaning));
	}
	return json_pack("{s:s, s:s, s:s, s:o}", "name", table->name, "kind", table->is_view ? "view" : "table",
			 "meaning", table->meaning, "columns", columns);
}

struct error *sql_dictionary(const struct cli_options *options)
{
	const char *format = options->format;
	bool is_json = options->json || (format && strcmp(format, "json") == 0);
	bool is_markdown = format && strcmp(format, "markdown") == 0;
	bool is_man = format && strcmp(format, "man") == 0;
	json_t *array = is_json ? json_array() : NULL;
	struct dictionary dictionary;
	struct error *err = dictionary_load(&dictionary);

	if (err)
		return err;
	for (size_t i = 0; i < dictionary.table_count; i++) {
		const struct dictionary_table *table = &dictionary.tables[i];

		if (is_json)
			json_array_append_new(array, table_json(table));
		else if (is_markdown)
			write_markdown(table);
		else if (is_man)
			write_man(table, i == 0 || table->is_view != table[-1].is_view);
		else
			write_text(table);
	}
	dictionary_deinit(&dictionary);
	if (is_man)
		return write_man_queries();
	return array ? cli_json_write(options, array) : NULL;
}
