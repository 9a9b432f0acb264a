/* SPDX-License-Identifier: MIT */
/* Man pages. */
#include "cli/manual.h"

#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/options.h"
#include "cli/roff.h"
#include "common/array.h"

/* A fact that the pages share; shown by verbs that have one of the flags, and by corelate(1). */
struct shared_text {
	const char *term, *text;
	unsigned needs;
};

static const struct shared_text environment[] = {
	{"CORELATE_DB", "The database, where no `--db` names one.", CLI_DB},
	{"CORELATE_VAULT", "The directory of the kept crashes, in place of /var/lib/corelate/crashes.", CLI_DB},
	{"PAGER",
	 "The program that long output goes through on a terminal, `less` if it is not set; empty for none. Under sudo "
	 "and its like LESSSECURE is set for it.",
	 CLI_PAGER},
	{"NO_COLOR", "Any value but the empty one turns colours off.", CLI_PAGER | CLI_ALL},
	{"TZ", "The zone of the times that are printed. JSON has UTC.", CLI_DB},
};

static const struct shared_text files[] = {
	{"/var/lib/corelate/corelate.db", "The system's database: one SQLite file, with its -wal and -shm beside it.",
	 CLI_DB},
	{"/var/lib/corelate/crashes/", "The crashes that are kept: a directory each, readable by root alone.", CLI_DB},
};

static void write_shared(const char *title, const struct shared_text *texts, size_t count,
			 const struct cli_command *command, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (command && !(command->flags & texts[i].needs))
			continue;
		if (!any)
			fprintf(out, ".SH %s\n", title);
		any = true;
		fputs(".TP\n", out);
		roff_write_bold(texts[i].term, strlen(texts[i].term), out);
		fputc('\n', out);
		roff_write_text(texts[i].text, strlen(texts[i].text), out);
		fputc('\n', out);
	}
}

/* Lines that begin with a blank stand as they are. */
static void write_help(const char *help, FILE *out)
{
	bool was_set = false;

	while (*help) {
		size_t blanks = strspn(help, " "), length = strcspn(help + blanks, "\n");

		if (blanks || was_set)
			fputs(".br\n", out);
		if (blanks)
			fputs("\\ \\ ", out);
		was_set = blanks > 0;
		help += blanks;
		roff_write_text(help, length, out);
		fputc('\n', out);
		help += length + (help[length] == '\n');
	}
}

static void write_options(const struct option_row *const *rows, size_t count, FILE *out)
{
	fputs(".SH OPTIONS\n", out);
	for (size_t i = 0; i < count; i++) {
		const struct option_row *row = rows[i];

		if (!row->help)
			continue;
		fputs(".TP\n", out);
		if (row->letter)
			fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
		fputs("\\fB\\-\\-\\fR", out);
		roff_write_bold(row->name, strlen(row->name), out);
		if (row->argument)
			fprintf(out, row->optional ? "[=\\fI%s\\fR]" : " \\fI%s\\fR", row->argument);
		fputc('\n', out);
		write_help(row->help, out);
	}
}

static void write_statuses(const struct cli_command *command, FILE *out)
{
	fputs(".SH EXIT STATUS\n", out);
	if (command && command->statuses) {
		roff_write_text(command->statuses, strlen(command->statuses), out);
		fputs(".\n", out);
		return;
	}
	for (const struct cli_status_text *text = cli_status_texts; text->text; text++) {
		fprintf(out, ".TP\n\\fB%d\\fR\n", text->status);
		roff_write_text(text->text, strlen(text->text), out);
		fputc('\n', out);
	}
}

/* The date is that of the release, so that two builds of one tree are the same. */
static void write_title(const struct cli_command *command, FILE *out)
{
	fputs(".\\\" Made from the command table by corelate help --format=man.\n", out);
	fprintf(out,
		".TH corelate%s%s 1 \"" CORELATE_DATE "\" \"corelate " CORELATE_VERSION "\" \"User Commands\"\n"
		".SH NAME\ncorelate%s%s \\- ",
		command ? "-" : "", command ? command->name : "", command ? "\\-" : "", command ? command->name : "");
	if (command)
		roff_write_text(command->summary, strlen(command->summary), out);
	else
		fputs("explain why a Linux process crashed", out);
	fprintf(out, "\n.SH SYNOPSIS\n\\fBcorelate%s%s\\fR ", command ? " " : "", command ? command->name : "");
	roff_write_variables(command ? "[OPTION...] " : "VERB [OPTION...] [ARGUMENT...]", out);
	if (command)
		roff_write_variables(command->arguments, out);
	fputs("\n.SH DESCRIPTION\n", out);
}

static void write_verbs(FILE *out)
{
	fputs(".SH VERBS\n", out);
	for (size_t i = 0; i < cli_command_count; i++) {
		const struct cli_command *command = cli_commands[i];

		fprintf(out, ".TP\n\\fBcorelate\\-%s\\fR(1)\n", command->name);
		roff_write_text(command->summary, strlen(command->summary), out);
		fputc('\n', out);
	}
}

static void write_crash(FILE *out)
{
	fputs(".SH NAMING A CRASH\n", out);
	roff_write_text(cli_crash_text, strlen(cli_crash_text), out);
	fputc('\n', out);
}

/* The sections of the prose that follow; whether there was a SEE ALSO. */
static bool write_sections(const char *prose, FILE *out)
{
	bool seen = false;

	while (prose) {
		size_t length = strcspn(prose, "\n");

		seen |= strncmp(prose, "## SEE ALSO", length) == 0;
		fprintf(out, ".SH %.*s\n", (int)length - 3, prose + 3);
		prose = roff_write_section(prose + length, out);
	}
	return seen;
}

static void write_see_also(const struct cli_command *command, FILE *out)
{
	fputs(".SH SEE ALSO\n", out);
	fputs(command ? "\\fBcorelate\\fR(1),\n" : "\\fBcoredumpctl\\fR(1),\n\\fBcore\\fR(5),\n", out);
	fputs("\\fBcorelate\\-database\\fR(7)\n", out);
}

void manual_write_page(const struct cli_command *command, const char *prose, FILE *out)
{
	const struct option_row *rows[OPTION_TABLE_MAX];
	const char *rest = NULL;

	write_title(command, out);
	if (prose)
		rest = roff_write_section(prose, out);
	else if (command && command->details)
		roff_write_section(command->details, out);
	else if (command)
		fprintf(out, "See \\fBcorelate\\fR(1).\n");
	if (!command)
		write_verbs(out);
	if (!command || strstr(command->arguments, "CRASH"))
		write_crash(out);
	write_options(rows, command ? cli_options_of(command, rows) : cli_options_common(rows), out);
	write_statuses(command, out);
	write_shared("ENVIRONMENT", environment, array_size(environment), command, out);
	write_shared("FILES", files, array_size(files), command, out);
	if (!write_sections(rest, out))
		write_see_also(command, out);
}
