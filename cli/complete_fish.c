/* SPDX-License-Identifier: MIT */
/* Completion for fish. */
#include <string.h>

#include "cli/complete.h"
#include "cli/manual.h"
#include "cli/options.h"

static const char *const actions[] = {
	[COMPLETE_NOTHING] = "",
	[COMPLETE_FILE] = "__fish_complete_path (commandline -ct)",
	[COMPLETE_DIRECTORY] = "__fish_complete_directories (commandline -ct)",
	[COMPLETE_PID] = "__fish_complete_pids",
	[COMPLETE_USER] = "__fish_complete_users",
	[COMPLETE_COMM] = "cat /proc/*/comm 2>/dev/null",
	[COMPLETE_CRASH] = "__corelate_crashes",
	[COMPLETE_VERB] = "__corelate_verbs",
	[COMPLETE_QUERY] = "__corelate_queries",
	[COMPLETE_COMMAND] = "__fish_complete_subcommand",
};

static void write_option(const struct cli_command *command, const struct option_row *row, FILE *out)
{
	fprintf(out, "complete -c corelate -n '__corelate_verb %s' -l %s", command->name, row->name);
	if (row->letter)
		fprintf(out, " -s %c", row->letter);
	if (row->argument && !row->optional)
		fputs(" -x", out);
	if (row->words) {
		fputs(" -a '", out);
		complete_write_words(row->words, ' ', out);
		fputc('\'', out);
	} else if (row->argument && actions[complete_kind_of(row->argument)][0]) {
		fprintf(out, " -a '(%s)'", actions[complete_kind_of(row->argument)]);
	}
	fputs(" -d '", out);
	/* In fish's single quotes a backslash, too, is special. */
	complete_write_quoted(row->help, complete_help_length(row->help), "\\", out);
	fputs("'\n", out);
}

static void write_verb(const struct cli_command *command, FILE *out)
{
	const struct option_row *rows[OPTION_TABLE_MAX];
	enum complete_kind kinds[COMPLETE_OPERANDS];
	size_t count = cli_options_of(command, rows), operands = complete_operands(command->arguments, kinds);

	for (size_t i = 0; i < count; i++) {
		if (rows[i]->help)
			write_option(command, rows[i], out);
	}
	for (size_t i = 0; i < operands; i++) {
		if (actions[kinds[i]][0] && (i == 0 || kinds[i] != kinds[i - 1]))
			fprintf(out, "complete -c corelate -n '__corelate_verb %s' -x -a '(%s)'\n", command->name,
				actions[kinds[i]]);
	}
}

void manual_write_fish(FILE *out)
{
	fprintf(out,
		"# fish completion for corelate; made by corelate help --format=fish\n\n"
		"function __corelate_verb\n"
		"	set -l words (commandline -opc)\n"
		"	test (count $words) -ge 2; and test $words[2] = $argv[1]\n"
		"end\n\n"
		"function __corelate_no_verb\n"
		"	test (count (commandline -opc)) -eq 1\n"
		"end\n\n"
		"function __corelate_crashes\n	%s\n	__fish_complete_path (commandline -ct)\nend\n\n"
		"function __corelate_queries\n	%s\nend\n\n"
		"function __corelate_verbs\n",
		complete_crash_ids, complete_query_names);
	for (size_t i = 0; i < cli_command_count; i++) {
		fprintf(out, "	printf '%%s\\t%%s\\n' %s '", cli_commands[i]->name);
		complete_write_quoted(cli_commands[i]->summary, (int)strlen(cli_commands[i]->summary), "\\", out);
		fputs("'\n", out);
	}
	fputs("end\n\ncomplete -c corelate -f\n"
	      "complete -c corelate -n __corelate_no_verb -a '(__corelate_verbs)'\n"
	      "complete -c corelate -n __corelate_no_verb -l help -s h -d 'print the help'\n"
	      "complete -c corelate -n __corelate_no_verb -l version -d 'print the version'\n",
	      out);
	for (size_t i = 0; i < cli_command_count; i++)
		write_verb(cli_commands[i], out);
}
