/* SPDX-License-Identifier: MIT */
/* The verbs, in the order of the help. */
#include <string.h>

#include "cli/cli.h"
#include "common/array.h"

const struct cli_command *const cli_commands[] = {
	&cli_record, &cli_list,	   &cli_info,	 &cli_explain,	 &cli_stack,  &cli_report, &cli_why,
	&cli_repair, &cli_bundle,  &cli_debug,	 &cli_check,	 &cli_probes, &cli_sql,	   &cli_import,
	&cli_doctor, &cli_capture, &cli_install, &cli_uninstall, &cli_gc,     &cli_audit,  &cli_help,
};

const size_t cli_command_count = array_size(cli_commands);

const struct cli_command *cli_find_command(const char *name)
{
	for (size_t i = 0; i < cli_command_count; i++) {
		if (strcmp(cli_commands[i]->name, name) == 0)
			return cli_commands[i];
	}
	return NULL;
}
