/* SPDX-License-Identifier: MIT */
#include "cli/sql.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/inert.h"
#include "common/utf8.h"

struct sql_output {
	int json;
	size_t rows;
	bool no_memory;
};

struct error *sql_output_create(int json, struct sql_output **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return &error_no_memory;
	(*ret)->json = json;
	return NULL;
}

void sql_output_destroy(struct sql_output *output)
{
	free(output);
}

static void write_cells(int columns, const char *const *cells)
{
	for (int i = 0; i < columns; i++) {
		if (i)
			putchar('|');
		inert_write(cells[i] ? cells[i] : "", stdout);
	}
	putchar('\n');
}

/* What is not UTF-8 becomes U+FFFD. */
static json_t *clean_string(const char *text)
{
	char *clean = utf8_clean(text);
	json_t *string = clean ? json_string(clean) : NULL;

	free(clean);
	return string;
}

/* Two columns of one name would be one member of the object: the later ones get a number. */
static bool add_member(json_t *object, const char *name, const char *value)
{
	char *clean = utf8_clean(name), *unique = NULL;
	json_t *text = value ? clean_string(value) : json_null();
	bool done = false;

	for (int number = 2; clean && json_object_get(object, unique ? unique : clean); number++) {
		free(unique);
		if (asprintf(&unique, "%s:%d", clean, number) < 0) {
			unique = NULL;
			break;
		}
	}
	if (clean && text)
		done = json_object_set_new(object, unique ? unique : clean, text) == 0;
	free(clean);
	free(unique);
	return done;
}

/* As a whole array would be dumped: the objects of a pretty one are two blanks in. */
static void write_object(const struct sql_output *output, const char *text)
{
	if (output->json == CLI_JSON_SHORT) {
		putchar(output->rows ? ',' : '[');
		inert_json_write(text, strlen(text), stdout);
		return;
	}
	fputs(output->rows ? ",\n  " : "[\n  ", stdout);
	for (size_t length; *text; text += length) {
		length = strcspn(text, "\n");
		inert_json_write(text, length, stdout);
		if (!text[length])
			break;
		length++;
		fputs("\n  ", stdout);
	}
}

static bool write_json_row(struct sql_output *output, int columns, const char *const *names, const char *const *values)
{
	json_t *row = json_object();
	bool done = row;
	char *text;

	for (int i = 0; done && i < columns; i++)
		done = add_member(row, names[i], values[i]);
	text = done ? json_dumps(row, output->json == CLI_JSON_SHORT ? JSON_COMPACT : JSON_INDENT(2)) : NULL;
	json_decref(row);
	if (!text)
		return false;
	write_object(output, text);
	free(text);
	return true;
}

bool sql_output_take(void *context, int columns, const char *const *names, const char *const *values)
{
	struct sql_output *output = context;

	if (output->json) {
		output->no_memory = !write_json_row(output, columns, names, values);
	} else {
		if (!output->rows)
			write_cells(columns, names);
		write_cells(columns, values);
	}
	output->rows++;
	return !output->no_memory && !ferror(stdout);
}

struct error *sql_output_end(struct sql_output *output)
{
	if (output->no_memory)
		return &error_no_memory;
	if (output->json == CLI_JSON_PRETTY)
		puts(output->rows ? "\n]" : "[]");
	else if (output->json)
		puts(output->rows ? "]" : "[]");
	return NULL;
}
