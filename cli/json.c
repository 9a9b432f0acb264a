/* SPDX-License-Identifier: MIT */
#include "cli/json.h"

#include "common/inert.h"
struct error *cli_json_write(const struct cli_options *options, json_t *value)
{
	int failed = value ? json_dump_callback(value, inert_json_write, stdout,
						options->json == CLI_JSON_SHORT ? JSON_COMPACT : JSON_INDENT(2))
			   : -1;

	json_decref(value);
	if (failed)
		return ferror(stdout) ? error_format(ERROR_SYSTEM, "cannot write to standard output")
				      : &error_no_memory;
	putchar('\n');
	return NULL;
}
