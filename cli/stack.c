/* SPDX-License-Identifier: MIT */
/* corelate stack: the stacks of all threads. */
#include "cli/cli.h"

static struct error *run_stack(const struct cli_options *options, int *ret_status)
{
	struct report_style style = cli_style(options);
	struct cli_explained explained;
	struct error *err;

	(void)ret_status;
	err = cli_explain_crash(options, options->argument_count ? options->arguments[0] : NULL, NULL, &explained);
	if (err)
		return err;
	if (!explained.crash.core)
		err = error_format(ERROR_NOT_FOUND,
				   "this crash left no core that could be found; name it: corelate stack CORE");
	else
		report_write_stacks(&explained.report, &style, stdout);
	cli_explained_deinit(&explained);
	return err;
}

const struct cli_command cli_stack = {
	.name = "stack",
	.arguments = "[CRASH]",
	.summary = "show the stacks of all threads",
	.details = "A frame that is not from call frame information says in brackets how it is known.\n",
	.flags = CLI_DB | CLI_ALL,
	.most = 1,
	.run = run_stack,
};
