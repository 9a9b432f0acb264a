/* SPDX-License-Identifier: MIT */
#include "collector/options.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/record_options.h"

static void describe(struct recorder_options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void describe(struct recorder_options *options, const char *format, ...)
{
	size_t used = strlen(options->description);
	va_list args;

	if (used && used + 1 < sizeof(options->description))
		options->description[used++] = ' ';
	va_start(args, format);
	vsnprintf(options->description + used, sizeof(options->description) - used, format, args);
	va_end(args);
}

static struct error *parse_size(const char *name, const char *text, uint64_t *ret_bytes)
{
	char *end;
	unsigned shift = 0;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*end == 'K')
		shift = 10;
	else if (*end == 'M')
		shift = 20;
	else if (*end == 'G')
		shift = 30;
	if (shift)
		end++;
	if (errno || !isdigit((unsigned char)text[0]) || *end || number == 0 || number > UINT64_MAX >> shift)
		return error_format(ERROR_INVALID, "%s takes a size such as 512K, 8M or 2G, not '%s'", name, text);
	*ret_bytes = (uint64_t)number << shift;
	return NULL;
}

static struct error *parse_pid(struct recorder_options *options, const char *text)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || !isdigit((unsigned char)text[0]) || *end || number <= 0 || number > INT32_MAX)
		return error_format(ERROR_INVALID, "--pid takes a process id, not '%s'", text);
	if (kill((pid_t)number, 0) && errno == ESRCH)
		return error_format(ERROR_NOT_FOUND, "there is no process %ld", number);
	if (options->pid_count == OPTIONS_MAX_PIDS)
		return error_format(ERROR_INVALID, "at most %d processes can be named", OPTIONS_MAX_PIDS);
	options->pids[options->pid_count++] = (int)number;
	options->filter.has_pid = 1;
	describe(options, "--pid %ld", number);
	return NULL;
}

static struct error *parse_comm(struct recorder_options *options, const char *text)
{
	size_t length = strlen(text);

	if (!length)
		return error_format(ERROR_INVALID, "--comm takes a command name");
	/* The kernel keeps fifteen bytes of a name; a longer one is meant by its beginning. */
	if (length >= FILTER_COMM_BYTES)
		length = FILTER_COMM_BYTES - 1;
	memset(options->filter.comm, 0, sizeof(options->filter.comm));
	memcpy(options->filter.comm, text, length);
	options->filter.has_comm = 1;
	describe(options, "--comm %s", text);
	return NULL;
}

static struct error *parse_executable(struct recorder_options *options, const char *text)
{
	struct stat status;

	if (stat(text, &status))
		return error_errno(errno, "--exe %s", text);
	if (!S_ISREG(status.st_mode))
		return error_format(ERROR_INVALID, "--exe %s: not a program", text);
	options->filter.executable_inode = status.st_ino;
	options->filter.executable_device = major(status.st_dev) << 20 | minor(status.st_dev);
	describe(options, "--exe %s", text);
	return NULL;
}

static struct error *parse_cgroup(struct recorder_options *options, const char *text)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	char path[4096];
	struct stat status;

	snprintf(path, sizeof(path), "%s", text);
	/* Also as /proc/PID/cgroup and systemd write it: from the root of the hierarchy. */
	for (size_t i = 0; i < 2 && stat(path, &status); i++)
		snprintf(path, sizeof(path), "%s/%s", roots[i], text);
	if (stat(path, &status))
		return error_errno(errno, "--cgroup %s", text);
	/* The cgroup's id is the inode number of its directory (kernfs). */
	options->filter.cgroup_id = status.st_ino;
	describe(options, "--cgroup %s", text);
	return NULL;
}

static struct error *parse_uid(struct recorder_options *options, const char *text)
{
	struct passwd *entry = getpwnam(text);
	char *end;
	unsigned long number;

	if (entry) {
		options->filter.uid = entry->pw_uid;
	} else {
		errno = 0;
		number = strtoul(text, &end, 10);
		if (errno || *end || end == text || number >= (uid_t)-1)
			return error_format(ERROR_NOT_FOUND, "no user is called '%s'", text);
		options->filter.uid = (uint32_t)number;
	}
	options->filter.has_uid = 1;
	describe(options, "--uid %s", text);
	return NULL;
}

static struct error *parse_stack_bytes(struct recorder_options *options, const char *text)
{
	uint64_t bytes = 0;
	struct error *err = strcmp(text, "0") == 0 ? NULL : parse_size("--stack-bytes", text, &bytes);

	if (!err && bytes && (bytes & (bytes - 1) || bytes < 512 || bytes > EVENT_STACK_MAX_BYTES))
		err = error_format(ERROR_INVALID, "--stack-bytes takes 0 or a power of two from 512 to 64K, not '%s'",
				   text);
	options->stack_bytes = (uint32_t)bytes;
	return err;
}

static struct error *parse_stack_events(struct recorder_options *options, const char *text)
{
	size_t length;

	for (; *text; text += length + (text[length] == ',')) {
		length = strcspn(text, ",");
		if (length == 4 && strncmp(text, "mmap", 4) == 0)
			options->stack_at_mmap = true;
		else if (length == 6 && strncmp(text, "malloc", 6) == 0)
			options->stack_at_malloc = true;
		else
			return error_format(ERROR_INVALID, "--stack-events takes mmap, malloc or both, not '%.*s'",
					    (int)length, text);
	}
	return NULL;
}

static struct error *parse_one(struct recorder_options *options, int option, const char *argument)
{
	uint64_t bytes = 0;
	struct error *err = NULL;

	switch (option) {
	case 'p':
		return parse_pid(options, argument);
	case 'c':
		return parse_comm(options, argument);
	case 'e':
		return parse_executable(options, argument);
	case 'g':
		return parse_cgroup(options, argument);
	case 'u':
		return parse_uid(options, argument);
	case 'h':
		options->help = true;
		return NULL;
	case RECORD_OPTION_DB:
		options->database = argument;
		return NULL;
	case RECORD_OPTION_USER:
		options->user = argument;
		return NULL;
	case RECORD_OPTION_QUOTA:
		return parse_size("--quota", argument, &options->quota_bytes);
	case RECORD_OPTION_RING:
		err = parse_size("--ring", argument, &bytes);
		if (!err && (bytes & (bytes - 1) || bytes < 4096 || bytes > 1U << 30))
			err = error_format(ERROR_INVALID, "--ring takes a power of two from 4K to 1G, not '%s'",
					   argument);
		options->ring_bytes = bytes;
		return err;
	case RECORD_OPTION_QUEUE:
		err = parse_size("--queue", argument, &bytes);
		options->queue_bytes = bytes;
		return err;
	case RECORD_OPTION_STACK_BYTES:
		return parse_stack_bytes(options, argument);
	case RECORD_OPTION_STACK_EVENTS:
		return parse_stack_events(options, argument);
	case RECORD_OPTION_CALLS:
		options->calls = true;
		return NULL;
	case RECORD_OPTION_LIST_PROBES:
		options->list_probes = true;
		return NULL;
	case RECORD_OPTION_VERSION:
		options->version = true;
		return NULL;
	case RECORD_OPTION_HEAP:
	case RECORD_OPTION_PROBE:
	case RECORD_OPTION_PRINT_PLAN:
		return error_format(ERROR_INVALID,
				    "--heap, --probe and --print-plan are for corelate record, not corelated");
	case RECORD_OPTION_PROBE_PLAN:
		options->probe_plan = argument;
		return NULL;
	default:
		return error_format(ERROR_INVALID, "see corelate record --help");
	}
}

struct error *options_parse(int argc, char **argv, struct recorder_options *ret_options)
{
	struct option_table table;
	char text[8];
	int option;

	record_options_table(&table);
	*ret_options = (struct recorder_options){
		.database = paths_database(),
		.ring_bytes = 8U << 20,
		.queue_bytes = 256U << 20,
		.stack_bytes = 8192, /* holds nine of ten stacks whole: bench/run --only stacks */
	};
	opterr = 0;
	while ((option = getopt_long(argc, argv, table.letters, table.names, NULL)) != -1) {
		struct error *err;

		if (option == '?' || option == ':')
			return error_format(ERROR_INVALID, "record %s '%s'; see corelate record --help",
					    option == ':' ? "wants a value for" : "does not know the option",
					    option_table_given(argv, text));
		err = parse_one(ret_options, option, optarg);

		if (err)
			return err;
	}
	if (optind < argc)
		ret_options->command = argv + optind;
	if (ret_options->command && ret_options->pid_count)
		return error_format(ERROR_INVALID, "--pid and a COMMAND exclude each other");
	if (ret_options->user && !ret_options->command)
		return error_format(ERROR_INVALID, "--user needs a COMMAND");
	if (!ret_options->database[0])
		return error_format(ERROR_INVALID, "--db takes a path");
	return NULL;
}
