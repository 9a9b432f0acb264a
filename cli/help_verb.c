/* SPDX-License-Identifier: MIT */
/* corelate help: the help texts, and what else is made from the tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/manual.h"
#include "cli/suggest.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"

#define PROSE_MAX_BYTES (1U << 20)

static struct error *read_prose(const char *path, char **ret)
{
	cleanup_file FILE *file = fopen(path, "re");
	cleanup_free char *text = calloc(1, PROSE_MAX_BYTES);
	size_t length;

	if (!file)
		return error_errno(errno, "cannot open %s", path);
	if (!text)
		return &error_no_memory;
	length = fread(text, 1, PROSE_MAX_BYTES - 1, file);
	if (ferror(file) || length == PROSE_MAX_BYTES - 1)
		return error_format(ERROR_INVALID, "cannot read %s", path);
	*ret = take_pointer(text);
	return NULL;
}

static struct error *write_man(const struct cli_command *command, const char *prose_path)
{
	cleanup_free char *prose = NULL;
	struct error *err = prose_path ? read_prose(prose_path, &prose) : NULL;

	if (!err)
		manual_write_page(command, prose, stdout);
	return err;
}

static struct error *run_help(const struct cli_options *options, int *ret_status)
{
	const struct cli_command *command = NULL;
	const char *form = options->format ? options->format : "text";

	if (options->argument_count) {
		command = cli_find_command(options->arguments[0]);
		if (!command) {
			*ret_status = cli_help_refuse_verb(options->arguments[0]);
			return NULL;
		}
	}
	if (strcmp(form, "man") == 0)
		return write_man(command, options->prose);
	if (strcmp(form, "json") == 0)
		return manual_write_json(stdout);
	if (strcmp(form, "bash") == 0)
		manual_write_bash(stdout);
	else if (strcmp(form, "zsh") == 0)
		manual_write_zsh(stdout);
	else if (strcmp(form, "fish") == 0)
		manual_write_fish(stdout);
	else if (command)
		cli_help_write_verb(command, stdout);
	else
		cli_help_write(stdout);
	return NULL;
}

static const struct option_row own_options[] = {
	{.name = "format",
	 .argument = "FORM",
	 .words = "text|man|bash|zsh|fish|json",
	 .help = "text; a man page; the completion of all verbs for bash, zsh or fish; or the verbs and their options "
		 "as "
		 "json",
	 .store = OPTION_TEXT,
	 .offset = offsetof(struct cli_options, format)},
	/* The build's: what a person wrote for the man page. */
	{.name = "prose", .argument = "FILE", .store = OPTION_TEXT, .offset = offsetof(struct cli_options, prose)},
};

const struct cli_command cli_help = {
	.name = "help",
	.arguments = "[VERB]",
	.summary = "print this text, or that of a verb",
	.most = 1,
	.options = own_options,
	.option_count = array_size(own_options),
	.run = run_help,
};
