/* SPDX-License-Identifier: MIT */
/* corelate explain: what killed it, who did it, how sure that is. */
#include "cli/cli.h"

static struct error *render_explain(const struct cli_options *options, const struct cli_explained *explained)
{
	struct report_style style = cli_style(options);

	if (options->json)
		return report_write_json(&explained->report, stdout);
	report_write_text(&explained->report, &style, stdout);
	return NULL;
}

static struct error *run_explain(const struct cli_options *options, int *ret_status)
{
	(void)ret_status;
	return cli_render_crash(options, render_explain);
}

const struct cli_command cli_explain = {
	.name = "explain",
	.arguments = "[CRASH...]",
	.summary = "say what killed a process, who did it, and how sure that is",
	.details = "The verdict comes first, then the recorded time around the fault address, then the evidence.\n",
	.flags = CLI_DB | CLI_MATCH | CLI_JSON | CLI_ALL | CLI_PAGER | CLI_LIMITS,
	.most = CLI_ANY,
	.run = run_explain,
};
