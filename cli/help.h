/* SPDX-License-Identifier: MIT */
/* Help texts, made from the table of verbs and from that of options. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/cli.h"

/* What corelate's exit statuses mean; `text` NULL ends the list. The one place where they are written down. */
struct cli_status_text {
	int status;
	const char *text;
};
extern const struct cli_status_text cli_status_texts[];

/* How a crash is named. */
extern const char cli_crash_text[];

void cli_help_write(FILE *out);
void cli_help_write_verb(const struct cli_command *command, FILE *out);

/* Says that there is no such verb, and which may be meant. Returns CLI_USAGE. */
int cli_help_refuse_verb(const char *name);

#endif
