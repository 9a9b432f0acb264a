/* SPDX-License-Identifier: MIT */
/* corelate info: who died, when and how; no judgement. */
#include "cli/cli.h"
#include "common/inert.h"

static struct error *render_info(const struct cli_options *options, const struct cli_explained *explained)
{
	struct report_style style = cli_style(options);

	report_write_facts(&explained->report, stdout);
	report_write_stacks(&explained->report, &style, stdout);
	for (size_t i = 0; i < explained->crash.notes.count; i++) {
		fputs(i ? "  - " : "\nNotes\n  - ", stdout);
		inert_write(explained->crash.notes.lines[i], stdout);
		fputc('\n', stdout);
	}
	return NULL;
}

static struct error *run_info(const struct cli_options *options, int *ret_status)
{
	(void)ret_status;
	return cli_render_crash(options, render_info);
}

const struct cli_command cli_info = {
	.name = "info",
	.arguments = "[CRASH...]",
	.summary = "show what is known of a crash: process, signal, record, stacks",
	.flags = CLI_DB | CLI_MATCH | CLI_ALL | CLI_PAGER | CLI_LIMITS,
	.most = CLI_ANY,
	.run = run_info,
};
