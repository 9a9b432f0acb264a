/* SPDX-License-Identifier: MIT */
/* corelate record: resolves what is to be probed, then becomes corelated. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/record_plan.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/record_options.h"

/* As corelated has it: recording is impossible. */
#define RECORD_IMPOSSIBLE 125

/* corelated lies beside corelate in a build, in ../sbin when installed, else on the PATH. */
static int become_recorder(char **argv)
{
	static const char *const places[] = {"/corelated", "/../sbin/corelated"};
	char here[PATH_MAX], path[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", here, sizeof(here) - 1);
	char *slash;

	argv[0] = (char *)"corelated";
	if (length > 0) {
		here[length] = 0;
		slash = strrchr(here, '/');
		*slash = 0;
		for (size_t i = 0; i < array_size(places); i++) {
			snprintf(path, sizeof(path), "%s%s", here, places[i]);
			execv(path, argv);
		}
	}
	execvp("corelated", argv);
	fprintf(stderr, "corelate: cannot run corelated: %s\n", strerror(errno));
	return RECORD_IMPOSSIBLE;
}

static void take_option(struct record_request *request, int option, const char *argument)
{
	unsigned long pid;
	char *end;

	switch (option) {
	case RECORD_OPTION_HEAP:
		request->heap = true;
		request->heap_library = argument;
		break;
	case RECORD_OPTION_PROBE:
		request->probes[request->probe_count++] = argument;
		break;
	case RECORD_OPTION_PRINT_PLAN:
		request->print = true;
		break;
	case 'p':
		/* corelated says what is wrong with it. */
		pid = strtoul(argument, &end, 10);
		if (!*end && pid > 0 && pid <= INT32_MAX)
			request->pids[request->pid_count++] = (uint32_t)pid;
		break;
	case 'e':
		request->executable = argument;
		break;
	default:
		break;
	}
}

enum { READ_OTHER = -1, READ_REQUEST = -2, READ_HELP = -3 };

/* Reads the command line; `rest` gets what corelated is to see, with two free places before the command. READ_OTHER:
 * all is for corelated; else READ_REQUEST, READ_HELP, or the exit status of what was refused. */
static int read_request(int argc, char **argv, struct record_request *request, char **rest)
{
	struct option_table table;
	int option, count = 1, before = 1;

	record_options_table(&table);
	rest[0] = argv[0];
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, table.letters, table.names, NULL)) != -1) {
		if (option == 'h')
			return READ_HELP;
		if (option == RECORD_OPTION_VERSION)
			return READ_OTHER;
		if (option == '?' || option == ':')
			return cli_options_refuse(&cli_record, option, argv);
		take_option(request, option, optarg);
		/* A long option is a word of its own, with its value perhaps in the next. */
		if (option != RECORD_OPTION_HEAP && option != RECORD_OPTION_PROBE && option != RECORD_OPTION_PRINT_PLAN)
			while (before < optind)
				rest[count++] = argv[before++];
		before = optind;
	}
	request->command = optind < argc ? argv + optind : NULL;
	rest[count++] = NULL;
	rest[count++] = NULL;
	if (optind < argc)
		rest[count++] = (char *)"--";
	for (int i = optind; i < argc; i++)
		rest[count++] = argv[i];
	rest[count] = NULL;
	return request->heap || request->probe_count > 0 ? READ_REQUEST : READ_OTHER;
}

/* Puts the plan where corelated finds it: into a file without a name, which it inherits. */
static struct error *hand_over(const struct probe_plan *plan, char ret_path[64])
{
	cleanup_file FILE *file = NULL;
	struct error *err;
	int fd = memfd_create("corelate-plan", 0), kept;

	if (fd >= 0)
		file = fdopen(fd, "w+");
	if (!file)
		return error_errno(errno, "cannot keep the probe plan");
	err = probe_plan_write(plan, file);
	kept = err ? -1 : dup(fd); /* without close-on-exec; `file` closes its own */
	if (!err && kept < 0)
		return error_errno(errno, "cannot keep the probe plan");
	snprintf(ret_path, 64, "/proc/self/fd/%d", kept);
	return err;
}

static int refuse(struct error *err)
{
	bool is_theirs = err->code == ERROR_INVALID || err->code == ERROR_NOT_FOUND || err->code == ERROR_UNSUPPORTED;
	int status = is_theirs ? CLI_USAGE : RECORD_IMPOSSIBLE;

	fputs("corelate: ", stderr);
	inert_write(err->message, stderr);
	fputc('\n', stderr);
	error_destroy(err);
	return status;
}

static int record_planned(const struct record_request *request, char **rest)
{
	struct probe_plan plan;
	struct error *err = record_make_plan(request, &plan);
	char path[64];
	size_t gap = 0;

	if (err)
		return refuse(err);
	err = request->print ? probe_plan_write(&plan, stdout) : hand_over(&plan, path);
	probe_plan_deinit(&plan);
	if (err)
		return refuse(err);
	if (request->print)
		return CLI_OK;
	while (rest[gap])
		gap++;
	rest[gap] = (char *)"--probe-plan";
	rest[gap + 1] = path;
	return become_recorder(rest);
}

static int run_record(int argc, char **argv)
{
	cleanup_free char **rest = calloc((size_t)argc + 8, sizeof(*rest));
	cleanup_free const char **probes = calloc((size_t)argc, sizeof(*probes));
	cleanup_free uint32_t *pids = calloc((size_t)argc, sizeof(*pids));
	struct record_request request = {.probes = probes, .pids = pids};
	int status;

	if (!rest || !probes || !pids)
		return refuse(&error_no_memory);
	status = read_request(argc, argv, &request, rest);
	if (status == READ_HELP) {
		cli_help_write_verb(&cli_record, stdout);
		return CLI_OK;
	}
	if (status == READ_OTHER)
		return become_recorder(argv);
	return status == READ_REQUEST ? record_planned(&request, rest) : status;
}

const struct cli_command cli_record = {
	.name = "record",
	.arguments = "[-- COMMAND [ARGUMENT...]]",
	.summary = "record what happens to the memory of processes",
	.details = "Records until interrupted, or until COMMAND ends. Without a filter and a COMMAND every process is "
		   "recorded. Several filters must all hold.\n",
	.statuses =
		"the command's (128 + signal number when a signal ended it); 125 when recording failed, 2 bad usage",
	.flags = CLI_RAW | CLI_DB,
	.options = record_options,
	.option_count = RECORD_OPTION_COUNT,
	.run_raw = run_record,
};
