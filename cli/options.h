/* SPDX-License-Identifier: MIT */
/*
 * The options of the verbs: one row each (cli/options.c), from which come what is accepted, the help, the errors, man
 * pages and completions. To add one: a row there, a member of struct cli_options for it, and a flag of a verb (enum
 * cli_flag) if not every verb takes it. A verb that reads its own command line has its own rows in its cli_command.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stddef.h>

#include "cli/cli.h"
#include "common/option_table.h"

/* The rows of the options that a verb takes, in the order of the help. `ret_rows` has room for OPTION_TABLE_MAX. */
size_t cli_options_of(const struct cli_command *command, const struct option_row **ret_rows);

/* The rows of what corelate itself takes, before or without a verb. */
size_t cli_options_common(const struct option_row **ret_rows);

enum { CLI_GO_ON = -1, CLI_SHOW_HELP = -2 };

/* Reads argv[1] and on. Returns CLI_GO_ON, CLI_SHOW_HELP, or the exit status of a command line that was refused, about
 * which a line has been printed. What *ret points to lies in argv and in the environment. */
int cli_options_parse(const struct cli_command *command, int argc, char **argv, struct cli_options *ret);

/* Says that a verb does not take what getopt_long() has just returned as `option` ('?' or ':'). Returns CLI_USAGE. */
int cli_options_refuse(const struct cli_command *command, int option, char **argv);

#endif
