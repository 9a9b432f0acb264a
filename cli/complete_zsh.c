/* SPDX-License-Identifier: MIT */
/* Completion for zsh. */
#include <string.h>

#include "cli/complete.h"
#include "cli/manual.h"
#include "cli/options.h"

static const char *const actions[] = {
	[COMPLETE_NOTHING] = " ",
	[COMPLETE_FILE] = "_files",
	[COMPLETE_DIRECTORY] = "_files -/",
	[COMPLETE_PID] = "_pids",
	[COMPLETE_USER] = "_users",
	[COMPLETE_COMM] = "_corelate_comms",
	[COMPLETE_CRASH] = "_corelate_crashes",
	[COMPLETE_VERB] = "_corelate_verbs",
	[COMPLETE_QUERY] = "_corelate_queries",
	[COMPLETE_COMMAND] = "_normal",
};

static void write_option(const struct option_row *row, FILE *out)
{
	fputs(" \\\n			", out);
	if (row->letter)
		fprintf(out, "'(-%c --%s)'{-%c%s,--%s%s}'", row->letter, row->name, row->letter,
			row->argument ? "+" : "", row->name, row->argument ? (row->optional ? "=-" : "=") : "");
	else
		fprintf(out, "'--%s%s", row->name, row->argument ? (row->optional ? "=-" : "=") : "");
	fputc('[', out);
	complete_write_quoted(row->help, complete_help_length(row->help), "[]:\\", out);
	fputc(']', out);
	if (row->argument) {
		fprintf(out, ":%s%s:", row->optional ? ":" : "", row->argument);
		if (row->words) {
			fputc('(', out);
			complete_write_words(row->words, ' ', out);
			fputc(')', out);
		} else {
			fputs(actions[complete_kind_of(row->argument)], out);
		}
	}
	fputc('\'', out);
}

static void write_verb(const struct cli_command *command, FILE *out)
{
	const struct option_row *rows[OPTION_TABLE_MAX];
	enum complete_kind kinds[COMPLETE_OPERANDS];
	size_t count = cli_options_of(command, rows), operands = complete_operands(command->arguments, kinds);

	fprintf(out, "		%s)\n			_arguments -s", command->name);
	for (size_t i = 0; i < count; i++) {
		if (rows[i]->help)
			write_option(rows[i], out);
	}
	for (size_t i = 0; i < operands; i++)
		fprintf(out, " \\\n			'%s:argument:%s'",
			kinds[i] == COMPLETE_COMMAND ? "*:" : (char[]){(char)('1' + i), 0}, actions[kinds[i]]);
	fputs(" ;;\n", out);
}

void manual_write_zsh(FILE *out)
{
	fputs("#compdef corelate\n# Made by corelate help --format=zsh.\n\n_corelate_verbs()\n{\n	local -a "
	      "verbs=(\n",
	      out);
	for (size_t i = 0; i < cli_command_count; i++) {
		fprintf(out, "		'%s:", cli_commands[i]->name);
		complete_write_quoted(cli_commands[i]->summary, (int)strlen(cli_commands[i]->summary), ":\\", out);
		fputs("'\n", out);
	}
	fprintf(out,
		"	)\n	_describe verb verbs\n}\n\n"
		"_corelate_crashes()\n{\n	local -a ids=(${(f)\"$(%s)\"})\n\n"
		"	_alternative 'crashes:crash:compadd -a ids' 'files:core file:_files'\n}\n\n"
		"_corelate_queries()\n{\n	local -a names=(${(f)\"$(%s)\"})\n\n	compadd -a names\n}\n\n"
		"_corelate_comms()\n{\n	local -a names=(${(f)\"$(cat /proc/[1-9]*/comm 2>/dev/null)\"})\n\n"
		"	compadd -a names\n}\n\n",
		complete_crash_ids, complete_query_names);
	fputs("_corelate()\n{\n	local curcontext=$curcontext state line\n	typeset -A opt_args\n\n"
	      "	_arguments -C '(-h --help)'{-h,--help}'[print the help]' '--version[print the version]' \\\n"
	      "		'1:verb:_corelate_verbs' '*::argument:->argument'\n"
	      "	[[ $state = argument ]] || return\n"
	      "	curcontext=${curcontext%:*:*}:corelate-$words[1]:\n"
	      "	case $words[1] in\n",
	      out);
	for (size_t i = 0; i < cli_command_count; i++)
		write_verb(cli_commands[i], out);
	fputs("	esac\n}\n\n_corelate \"$@\"\n", out);
}
