/* SPDX-License-Identifier: MIT */
/* corelate record: becomes corelated. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* corelated lies beside corelate in a build, in ../sbin when installed, else on the PATH. */
static int run_record(int argc, char **argv)
{
	static const char *const places[] = {"/corelated", "/../sbin/corelated"};
	char here[PATH_MAX], path[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", here, sizeof(here) - 1);
	char *slash;

	(void)argc;
	argv[0] = (char *)"corelated";
	if (length > 0) {
		here[length] = 0;
		slash = strrchr(here, '/');
		*slash = 0;
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			snprintf(path, sizeof(path), "%s%s", here, places[i]);
			execv(path, argv);
		}
	}
	execvp("corelated", argv);
	fprintf(stderr, "corelate: cannot run corelated: %s\n", strerror(errno));
	return 125;
}

const struct cli_command cli_record = {
	.name = "record",
	.arguments = "[FILTER...] [-- COMMAND]",
	.summary = "record what happens to the memory of processes",
	.flags = CLI_RAW,
	.run_raw = run_record,
};
