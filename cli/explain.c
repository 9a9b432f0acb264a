/* SPDX-License-Identifier: MIT */
/* corelate explain: what killed it, who did it, how sure that is. */
#include "cli/cli.h"

static struct error *run_explain(const struct cli_options *options, int *ret_status)
{
	struct report_style style = cli_style(options);
	struct cli_explained explained;
	struct error *err;

	(void)ret_status;
	err = cli_explain_crash(options, options->argument_count ? options->arguments[0] : NULL, NULL, &explained);
	if (err)
		return err;
	if (options->json)
		err = report_write_json(&explained.report, stdout);
	else
		report_write_text(&explained.report, &style, stdout);
	cli_explained_deinit(&explained);
	return err;
}

const struct cli_command cli_explain = {
	.name = "explain",
	.arguments = "[CRASH]",
	.summary = "say what killed a process, who did it, and how sure that is",
	.details = "The verdict comes first, then the recorded time around the fault address, then the evidence.\n",
	.flags = CLI_DB | CLI_JSON | CLI_ALL,
	.most = 1,
	.run = run_explain,
};
