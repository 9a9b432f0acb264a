/* SPDX-License-Identifier: MIT */
/* corelate stack: the stacks of all threads. */
#include "cli/cli.h"

static struct error *render_stack(const struct cli_options *options, const struct cli_explained *explained)
{
	struct report_style style = cli_style(options);

	if (!explained->crash.core.image)
		return error_format(ERROR_NOT_FOUND,
				    "this crash left no core that could be found; name it: corelate stack CORE");
	report_write_stacks(&explained->report, &style, stdout);
	return NULL;
}

static struct error *run_stack(const struct cli_options *options, int *ret_status)
{
	(void)ret_status;
	return cli_render_crash(options, render_stack);
}

const struct cli_command cli_stack = {
	.name = "stack",
	.arguments = "[CRASH...]",
	.summary = "show the stacks of all threads",
	.details = "A frame that is not from call frame information says in brackets how it is known.\n",
	.flags = CLI_DB | CLI_MATCH | CLI_ALL | CLI_PAGER | CLI_LIMITS,
	.most = CLI_ANY,
	.run = run_stack,
};
