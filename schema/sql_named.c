/* SPDX-License-Identifier: MIT */
#include "schema/sql_named.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/sql_embedded.h"

static const char *const kind_names[] = {
	[NAMED_ADDRESS] = "address",
	[NAMED_NUMBER] = "number",
	[NAMED_TEXT] = "text",
};

size_t named_query_count(void)
{
	return (size_t)store_queries_count;
}

const char *named_query_name(size_t index)
{
	return store_queries[index].name;
}

void named_query_deinit(struct named_query *query)
{
	for (size_t i = 0; i < query->parameter_count; i++) {
		free(query->parameters[i].name);
		free(query->parameters[i].fallback);
		free(query->parameters[i].meaning);
	}
	for (size_t i = 0; i < query->column_count; i++) {
		free(query->columns[i].name);
		free(query->columns[i].meaning);
	}
	free(query->question);
	free(query->example);
	*query = (struct named_query){0};
}

/* ---- the head of a file ---- */

static struct error *bad_head(const struct named_query *query, const char *line)
{
	return error_format(ERROR_INVALID, "query %s: not understood: %.60s", query->name, line);
}

/* The next line of the head with those that go on with it, joined by blanks; NULL after the last. Freed by the caller.
 */
static char *take_line(const char **text)
{
	char *line = NULL;
	size_t size;
	FILE *stream;

	if (strncmp(*text, "-- ", 3) != 0)
		return NULL;
	stream = open_memstream(&line, &size);
	if (!stream)
		return NULL;
	for (const char *at = *text + 3;;) {
		size_t length = strcspn(at, "\n");

		fwrite(at, 1, length, stream);
		at += length + (at[length] == '\n');
		*text = at;
		if (strncmp(at, "--  ", 4) != 0)
			break;
		fputc(' ', stream);
		at += 2 + strspn(at + 2, " ");
	}
	if (fclose(stream) != 0) {
		free(line);
		return NULL;
	}
	return line;
}

/* "NAME KIND = VALUE: meaning" */
static struct error *take_parameter(struct named_query *query, const char *text)
{
	struct named_parameter parameter = {.required = true};
	const char *meaning = strstr(text, ": ");
	char name[32], kind[16], sign[16], value[32];
	int words, end = 0;

	if (!meaning || query->parameter_count == NAMED_PARAMETERS_MAX)
		return bad_head(query, text);
	words = sscanf(text, "%31[a-z_] %15[a-z]%n %15[a-z=] %31[^: ]", name, kind, &end, sign, value);
	while (words >= 2 && parameter.kind <= NAMED_TEXT && strcmp(kind, kind_names[parameter.kind]) != 0)
		parameter.kind++;
	if (words < 2 || parameter.kind > NAMED_TEXT)
		return bad_head(query, text);
	if (text + end < meaning) {
		parameter.required = false;
		if (words == 4 && strcmp(sign, "=") == 0)
			parameter.fallback = strdup(value);
		else if (strcmp(sign, "optional") != 0)
			return bad_head(query, text);
	}
	if (asprintf(&parameter.name, ":%s", name) < 0)
		parameter.name = NULL;
	parameter.meaning = strdup(meaning + 2);
	query->parameters[query->parameter_count++] = parameter;
	return parameter.name && parameter.meaning ? NULL : &error_no_memory;
}

static struct error *take_column(struct named_query *query, const char *text)
{
	const char *meaning = strstr(text, ": ");
	struct named_column *column = &query->columns[query->column_count];

	if (!meaning || query->column_count == NAMED_COLUMNS_MAX)
		return bad_head(query, text);
	query->column_count++;
	column->name = strndup(text, (size_t)(meaning - text));
	column->meaning = strdup(meaning + 2);
	return column->name && column->meaning ? NULL : &error_no_memory;
}

static struct error *take_text(char **place, const char *text)
{
	free(*place);
	*place = strdup(text);
	return *place ? NULL : &error_no_memory;
}

static struct error *take_head_line(struct named_query *query, const char *line)
{
	const char *colon = strstr(line, ": ");
	size_t length = colon ? (size_t)(colon - line) : 0;

	if (length == 8 && strncmp(line, "Question", length) == 0)
		return take_text(&query->question, colon + 2);
	if (length == 7 && strncmp(line, "Example", length) == 0)
		return take_text(&query->example, colon + 2);
	if (length == 9 && strncmp(line, "Parameter", length) == 0)
		return take_parameter(query, colon + 2);
	if (length == 6 && strncmp(line, "Column", length) == 0)
		return take_column(query, colon + 2);
	return NULL; /* prose */
}

struct error *named_query_load(const char *name, struct named_query *ret)
{
	struct named_query query = {0};
	struct error *err = NULL;
	const char *rest;
	char *line;

	for (int i = 0; i < store_queries_count; i++) {
		if (strcmp(name, store_queries[i].name) == 0) {
			query.name = store_queries[i].name;
			query.sql = store_queries[i].sql;
		}
	}
	if (!query.name)
		return error_format(ERROR_NOT_FOUND, "there is no query '%s'", name);
	for (rest = query.sql; !err && (line = take_line(&rest)); free(line))
		err = take_head_line(&query, line);
	if (!err && (!query.question || !query.example || !query.column_count))
		err = bad_head(&query, "no question, no example or no columns");
	if (err)
		named_query_deinit(&query);
	else
		*ret = query;
	return err;
}

/* ---- values ---- */

static bool parse_number(const char *text, enum named_kind kind, int64_t *ret_number)
{
	char *end;

	errno = 0;
	if (kind == NAMED_ADDRESS || strncmp(text, "0x", 2) == 0) {
		if (!isxdigit((unsigned char)text[0]))
			return false;
		*ret_number = (int64_t)strtoull(text, &end, 0);
	} else {
		if (!isdigit((unsigned char)text[0]) && text[0] != '-')
			return false;
		*ret_number = strtoll(text, &end, 10);
	}
	return !errno && end != text && !*end;
}

static struct error *take_value(const struct named_query *query, const struct named_parameter *parameter,
				const char *text, struct store_value *ret)
{
	*ret = (struct store_value){.type = parameter->kind == NAMED_TEXT ? STORE_TEXT : STORE_INTEGER, .text = text};
	if (parameter->kind == NAMED_TEXT || parse_number(text, parameter->kind, &ret->integer))
		return NULL;
	return error_format(ERROR_INVALID, "%s: '%s' is not %s (%s: %s)", query->name, text,
			    parameter->kind == NAMED_ADDRESS ? "an address" : "a number", parameter->name + 1,
			    parameter->meaning);
}

struct error *named_query_bind(const struct named_query *query, char *const *given, size_t given_count,
			       struct store_argument *ret_arguments)
{
	if (given_count > query->parameter_count)
		return error_format(ERROR_INVALID, "%s takes %zu parameter%s, and %zu were given", query->name,
				    query->parameter_count, query->parameter_count == 1 ? "" : "s", given_count);
	for (size_t i = 0; i < query->parameter_count; i++) {
		const struct named_parameter *parameter = &query->parameters[i];
		const char *text = i < given_count ? given[i] : parameter->fallback;
		struct error *err;

		ret_arguments[i] = (struct store_argument){.name = parameter->name};
		if (!text && parameter->required)
			return error_format(ERROR_INVALID, "%s wants the parameter %s: %s", query->name,
					    parameter->name + 1, parameter->meaning);
		if (!text)
			continue;
		err = take_value(query, parameter, text, &ret_arguments[i].value);
		if (err)
			return err;
	}
	return NULL;
}
