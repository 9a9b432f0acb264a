/* SPDX-License-Identifier: MIT */
/* corelate repair: a copy of a core with the true return addresses in it. */
#include <inttypes.h>

#include "cli/cli.h"
#include "common/output.h"

static void list_slots(const struct repair *repair, FILE *out)
{
	for (size_t i = 0; i < repair->slot_count; i++) {
		const struct repaired_slot *slot = &repair->slots[i];

		fprintf(out, "0x%" PRIx64 "  ", slot->slot);
		if (slot->trust == FRAME_LOST)
			fprintf(out, "left as it is: lost, %zu return sites fit\n", slot->candidates);
		else
			fprintf(out, "0x%" PRIx64 " -> 0x%" PRIx64 "  %s\n", repair->trampoline, slot->return_address,
				frame_trust_name(slot->trust));
	}
}

static struct error *run_repair(const struct cli_options *options, int *ret_status)
{
	cleanup_with(cli_explained_deinit) struct cli_explained explained = {0};
	const struct repair *repair;
	size_t repaired = 0;
	struct error *err;
	bool to_stdout;
	FILE *out;

	if (!options->output == !options->dry_run) {
		*ret_status = CLI_USAGE;
		return error_format(ERROR_INVALID, "repair takes either -o OUT or --dry-run");
	}
	to_stdout = options->output && output_is_standard(options->output);
	err = cli_explain_crash(options, options->arguments, 1, NULL, &explained);
	if (err)
		return err;
	repair = &explained.crash.facts.repair;
	for (size_t i = 0; i < repair->slot_count; i++)
		repaired += repair->slots[i].trust != FRAME_LOST;
	if (!explained.crash.core.image)
		err = error_format(ERROR_NOT_FOUND,
				   "this crash left no core that could be found; name it: corelate repair CORE");
	else if (options->output)
		err = repair_write_core(explained.crash.core.image, repair, options->output);
	if (err)
		return err;
	out = to_stdout ? stderr : stdout;
	list_slots(repair, out);
	fprintf(out, "%zu of %zu return addresses %s\n", repaired, repair->slot_count,
		options->output ? "put back" : "would be put back");
	return NULL;
}

const struct cli_command cli_repair = {
	.name = "repair",
	.arguments = "CRASH",
	.summary = "copy a core with the return addresses that uretprobes took put back",
	.details = "The copy is for gdb, lldb, eu-stack. The core itself is never changed. Either "
		   "-o or --dry-run is needed.\n",
	.flags = CLI_DB | CLI_OUTPUT | CLI_DRY_RUN | CLI_LIMITS,
	.least = 1,
	.most = 1,
	.run = run_repair,
};
