/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include <ctype.h>
#include <string.h>

#include "cli/options.h"
#include "cli/suggest.h"
#include "common/inert.h"

const struct cli_status_text cli_status_texts[] = {
	{CLI_OK, "success"},
	{CLI_FAILED, "failure"},
	{CLI_USAGE, "bad usage"},
	{CLI_NOT_FOUND, "nothing of that name"},
	{CLI_UNSAFE, "unsafe (check)"},
	{0},
};

const char cli_crash_text[] =
	"CRASH is a core file, a bundle, a pid, an id, a command name or an executable; without it, the newest "
	"recorded crash.";

static void write_statuses(FILE *out)
{
	fputs("\nExit status: ", out);
	for (const struct cli_status_text *text = cli_status_texts; text->text; text++)
		fprintf(out, "%s%d %s", text == cli_status_texts ? "" : ", ", text->status, text->text);
	fputs(".\n", out);
}

void cli_help_write(FILE *out)
{
	const struct option_row *rows[OPTION_TABLE_MAX];
	int name_width = 0, argument_width = 0;

	fputs("corelate explains why a Linux process crashed.\n\nUsage: corelate VERB [OPTION...] [ARGUMENT...]\n\n",
	      out);
	for (size_t i = 0; i < cli_command_count; i++) {
		int name = (int)strlen(cli_commands[i]->name), argument = (int)strlen(cli_commands[i]->arguments);

		name_width = name > name_width ? name : name_width;
		argument_width = argument > argument_width ? argument : argument_width;
	}
	for (size_t i = 0; i < cli_command_count; i++) {
		int column = fprintf(out, "  %-*s %-*s  ", name_width, cli_commands[i]->name, argument_width,
				     cli_commands[i]->arguments);

		option_write_folded(cli_commands[i]->summary, column, out);
		fputc('\n', out);
	}
	fprintf(out, "\n%s\n\n", cli_crash_text);
	option_table_write_help(rows, cli_options_common(rows), out);
	write_statuses(out);
}

void cli_help_write_verb(const struct cli_command *command, FILE *out)
{
	const struct option_row *rows[OPTION_TABLE_MAX];

	fprintf(out, "Usage: corelate %s [OPTION...]%s%s\n\n%c%s.\n\n", command->name, command->arguments[0] ? " " : "",
		command->arguments, toupper((unsigned char)command->summary[0]), command->summary + 1);
	option_table_write_help(rows, cli_options_of(command, rows), out);
	if (command->details) {
		fputc('\n', out);
		option_write_folded(command->details, 0, out);
	}
	if (command->statuses) {
		fputs("\nExit status: ", out);
		option_write_folded(command->statuses, (int)strlen("Exit status: "), out);
		fputs(".\n", out);
	} else {
		write_statuses(out);
	}
}

int cli_help_refuse_verb(const char *name)
{
	const char *names[64], *meant;
	size_t count = cli_command_count < 64 ? cli_command_count : 64;

	for (size_t i = 0; i < count; i++)
		names[i] = cli_commands[i]->name;
	meant = suggest_word(name, names, count);
	fputs("corelate: there is no verb '", stderr);
	inert_write(name, stderr);
	fputs("'", stderr);
	if (meant)
		fprintf(stderr, "; did you mean '%s'?\n", meant);
	else
		fputs("; see corelate --help\n", stderr);
	return CLI_USAGE;
}
