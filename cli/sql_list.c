/* SPDX-License-Identifier: MIT */
/* corelate sql --list. */
#include "cli/json.h"
#include "cli/sql.h"
#include "schema/sql_named.h"

static const char *const kinds[] = {
	[NAMED_ADDRESS] = "address",
	[NAMED_NUMBER] = "number",
	[NAMED_TEXT] = "text",
};

static void write_text(const struct named_query *query)
{
	printf("%s", query->name);
	for (size_t i = 0; i < query->parameter_count; i++) {
		const struct named_parameter *parameter = &query->parameters[i];

		printf(parameter->required ? " %s" : " [%s]", parameter->name + 1);
	}
	printf("\n    %s\n", query->question);
	for (size_t i = 0; i < query->parameter_count; i++) {
		const struct named_parameter *parameter = &query->parameters[i];

		printf("    %s: %s", parameter->name + 1, parameter->meaning);
		if (parameter->fallback)
			printf(" Default: %s.", parameter->fallback);
		putchar('\n');
	}
}

static json_t *parameter_json(const struct named_parameter *parameter)
{
	return json_pack("{s:s, s:s, s:b, s:s?, s:s}", "name", parameter->name + 1, "kind", kinds[parameter->kind],
			 "required", parameter->required, "default", parameter->fallback, "meaning",
			 parameter->meaning);
}

static json_t *query_json(const struct named_query *query)
{
	json_t *parameters = json_array(), *columns = json_array();

	for (size_t i = 0; i < query->parameter_count; i++)
		json_array_append_new(parameters, parameter_json(&query->parameters[i]));
	for (size_t i = 0; i < query->column_count; i++)
		json_array_append_new(columns, json_pack("{s:s, s:s}", "name", query->columns[i].name, "meaning",
							 query->columns[i].meaning));
	return json_pack("{s:s, s:s, s:o, s:o, s:s}", "name", query->name, "question", query->question, "parameters",
			 parameters, "columns", columns, "example", query->example);
}

struct error *sql_list(const struct cli_options *options)
{
	json_auto_t *array = options->json ? json_array() : NULL;

	for (size_t i = 0; i < named_query_count(); i++) {
		struct named_query query;
		struct error *err = named_query_load(named_query_name(i), &query);

		if (err)
			return err;
		if (array)
			json_array_append_new(array, query_json(&query));
		else
			write_text(&query);
		named_query_deinit(&query);
	}
	return array ? cli_json_write(options, json_incref(array)) : NULL;
}
