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

void cli_help_write(FILE *out);
void cli_help_write_verb(const struct cli_command *command, FILE *out);

#endif
