/* SPDX-License-Identifier: MIT */
/* The verbs and their options as JSON, for whoever makes documents or completions of another kind. */
#include <jansson.h>

#include "cli/manual.h"
#include "cli/options.h"

static json_t *option_json(const struct option_row *row)
{
	json_t *object =
		json_pack("{s:s, s:s?, s:b, s:s, s:n, s:n}", "name", row->name, "argument", row->argument,
			  "argument_optional", row->argument && row->optional, "help", row->help, "letter", "words");

	if (row->letter)
		json_object_set_new(object, "letter", json_stringn(&row->letter, 1));
	if (row->words)
		json_object_set_new(object, "words", json_string(row->words));
	return object;
}

static json_t *verb_json(const struct cli_command *command)
{
	const struct option_row *rows[OPTION_TABLE_MAX];
	size_t count = cli_options_of(command, rows);
	json_t *options = json_array();

	for (size_t i = 0; i < count; i++) {
		if (rows[i]->help)
			json_array_append_new(options, option_json(rows[i]));
	}
	return json_pack("{s:s, s:s, s:s, s:s?, s:o}", "name", command->name, "arguments", command->arguments,
			 "summary", command->summary, "details", command->details, "options", options);
}

struct error *manual_write_json(FILE *out)
{
	json_t *verbs = json_array();
	int status;

	for (size_t i = 0; i < cli_command_count; i++)
		json_array_append_new(verbs, verb_json(cli_commands[i]));
	status = json_dumpf(verbs, out, JSON_INDENT(2));
	json_decref(verbs);
	fputc('\n', out);
	return status ? error_format(ERROR_SYSTEM, "cannot write JSON") : NULL;
}
