/* SPDX-License-Identifier: MIT */
/* corelate explain: what killed it, who did it, how sure that is; --steps: how that was found out. */
#include <stddef.h>

#include "analyzer/assemble/assemble_steps.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "common/array.h"

#define NS_PER_MS 1e6
#define MAKES_WIDTH 15

/* Returns how many characters that were. */
static int write_parts(uint64_t parts)
{
	const char *separator = "";
	int width = parts ? 0 : printf("-");

	for (size_t i = 0; i < PART_COUNT; i++) {
		if (!(parts & 1ull << i))
			continue;
		width += printf("%s%s", separator, assemble_parts[i].name);
		separator = ",";
	}
	return width;
}

static uint64_t total_ns(const struct cli_explained *explained)
{
	uint64_t total = 0;

	for (size_t i = 0; i < assemble_step_count; i++)
		total += explained->step_ns[i];
	return total;
}

static void write_steps(const struct cli_explained *explained)
{
	printf("%-14s %9s  %-*s %s\n", "STEP", "MS", MAKES_WIDTH, "MAKES", "TAKES");
	for (size_t i = 0; i < assemble_step_count; i++) {
		const struct assemble_step *step = &assemble_steps[i];
		int width;

		printf("%-14s %9.3f  ", step->name, (double)explained->step_ns[i] / NS_PER_MS);
		width = write_parts(step->makes);
		printf("%*s ", width < MAKES_WIDTH ? MAKES_WIDTH - width : 0, "");
		write_parts(step->takes);
		putchar('\n');
	}
	printf("%-14s %9.3f\n", "total", (double)total_ns(explained) / NS_PER_MS);
}

static json_t *parts_json(uint64_t parts)
{
	json_t *names = json_array();

	for (size_t i = 0; i < PART_COUNT; i++) {
		if (parts & 1ull << i)
			json_array_append_new(names, json_string(assemble_parts[i].name));
	}
	return names;
}

static json_t *steps_json(const struct cli_explained *explained)
{
	json_t *root = json_object(), *steps = json_array();

	for (size_t i = 0; i < assemble_step_count; i++) {
		const struct assemble_step *step = &assemble_steps[i];
		json_t *entry = json_object();

		json_object_set_new(entry, "step", json_string(step->name));
		json_object_set_new(entry, "takes", parts_json(step->takes));
		json_object_set_new(entry, "makes", parts_json(step->makes));
		json_object_set_new(entry, "ms", json_real((double)explained->step_ns[i] / NS_PER_MS));
		json_array_append_new(steps, entry);
	}
	json_object_set_new(root, "crash", json_string(explained->crash.facts.id));
	json_object_set_new(root, "steps", steps);
	json_object_set_new(root, "total_ms", json_real((double)total_ns(explained) / NS_PER_MS));
	return root;
}

static struct error *render_explain(const struct cli_options *options, const struct cli_explained *explained)
{
	struct report_style style = cli_style(options);

	if (options->steps && options->json)
		return cli_json_write(options, steps_json(explained));
	if (options->steps)
		write_steps(explained);
	else if (options->json)
		return report_write_json(&explained->report, stdout);
	else
		report_write_text(&explained->report, &style, stdout);
	return NULL;
}

static struct error *run_explain(const struct cli_options *options, int *ret_status)
{
	(void)ret_status;
	return cli_render_crash(options, render_explain);
}

static const struct option_row own_options[] = {
	{.name = "steps",
	 .help = "in place of the answer the steps that led to what is known of the crash: what each took and made, "
		 "and "
		 "its time",
	 .store = OPTION_FLAG,
	 .offset = offsetof(struct cli_options, steps)},
};

const struct cli_command cli_explain = {
	.name = "explain",
	.arguments = "[CRASH...]",
	.summary = "say what killed a process, who did it, and how sure that is",
	.details = "The verdict comes first, then its story in the order of time, what to do next, the crashed stack, who it was, and "
		   "why it is believed.\n",
	.flags = CLI_DB | CLI_MATCH | CLI_JSON | CLI_ALL | CLI_PAGER | CLI_LIMITS,
	.most = CLI_ANY,
	.options = own_options,
	.option_count = array_size(own_options),
	.run = run_explain,
};
