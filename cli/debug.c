/* SPDX-License-Identifier: MIT */
/* corelate debug: a debugger on the core, with the return addresses that uretprobes took put back. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle/bundle.h"
#include "cli/cli.h"
#include "common/array.h"
#include "common/child.h"
#include "common/cleanup.h"
#include "common/inert.h"

#define DEBUGGER "gdb"
#define MOST_ARGUMENTS 64
#define OWN_ARGUMENTS 32

/* What is taken away again when the debugger has ended. */
struct copy {
	char directory[256]; /* "" when the core itself will do */
	char path[300];
};

static void copy_remove(struct copy *copy)
{
	if (!copy->directory[0])
		return;
	unlink(copy->path);
	rmdir(copy->directory);
}

static struct error *copy_make(const struct crash *crash, struct copy *ret)
{
	const char *temporary = getenv("TMPDIR");
	size_t known = 0;

	for (size_t i = 0; i < crash->facts.repair.slot_count; i++)
		known += crash->facts.repair.slots[i].trust != FRAME_LOST;
	if (known == 0) {
		/* A core that was unpacked has no name but our descriptor's, which the debugger must ask us for. */
		if (strncmp(crash->core.image->path, "/proc/self/", 11) == 0)
			snprintf(ret->path, sizeof(ret->path), "/proc/%d/%s", getpid(), crash->core.image->path + 11);
		else if (snprintf(ret->path, sizeof(ret->path), "%s", crash->core.image->path) >=
			 (int)sizeof(ret->path))
			return error_format(ERROR_INVALID, "the core's path is too long");
		return NULL;
	}
	snprintf(ret->directory, sizeof(ret->directory), "%s/corelate-debug-XXXXXX",
		 temporary && temporary[0] ? temporary : "/var/tmp");
	if (!mkdtemp(ret->directory)) {
		struct error *err = error_errno(errno, "cannot make %s", ret->directory);

		ret->directory[0] = 0;
		return err;
	}
	snprintf(ret->path, sizeof(ret->path), "%s/core", ret->directory);
	fprintf(stderr, "corelate: %zu return address%s that uretprobes took put back into a copy of the core\n", known,
		known == 1 ? "" : "es");
	return repair_write_core(crash->core.image, &crash->facts.repair, ret->path);
}

/* The arguments of -A, separated by blanks: a debugger's own, so that no shell reads them. */
static size_t split(char *text, const char **ret, size_t most)
{
	size_t count = 0;
	char *rest = NULL;

	for (char *word = text ? strtok_r(text, " \t", &rest) : NULL; word && count < most;
	     word = strtok_r(NULL, " \t", &rest))
		ret[count++] = word;
	return count;
}

/* What gdb is told for every crash, after its init files and before it opens one of the crash's: whoever made those
 * files, or the directory that we are in, has nothing to say. What a file brings along is run only from gdb's own
 * directories ("Auto-loading safe path" in gdb's manual), and its index, which goes by a build-id that the file itself
 * tells, is not kept for others. */
static const char *const gdb_guards[] = {
	"set auto-load local-gdbinit off",
	"set auto-load safe-path $datadir/auto-load",
	"set auto-load scripts-directory $datadir/auto-load",
	"set libthread-db-search-path $sdir",
	"set index-cache enabled off",
};

/* For a bundle there is nothing of this host's to be loaded: all its files are a stranger's. -nx: what the caller has
 * set up for himself (a server to ask, a hook of Python's) would be led by them. */
static const char *const gdb_bundle_guards[] = {
	"set auto-load off",
};

/* By its name: gdb, gdb-multiarch, aarch64-linux-gnu-gdb. */
static bool is_gdb(const char *debugger)
{
	const char *slash = strrchr(debugger, '/'), *name = slash ? slash + 1 : debugger;
	size_t length = strlen(name);

	return strncmp(name, "gdb-", 4) == 0 || strcmp(name, "gdb") == 0 ||
	       (length > 4 && strcmp(name + length - 4, "-gdb") == 0);
}

/* The debugger's command line. */
struct command_line {
	const char *words[OWN_ARGUMENTS + MOST_ARGUMENTS];
	size_t count;
	char files[4200], debug_files[4200], libraries[4200];
};

static void add_first(struct command_line *line, const char *command)
{
	line->words[line->count++] = "-iex";
	line->words[line->count++] = command;
}

static void add_guards(struct command_line *line, bool is_bundle)
{
	if (is_bundle)
		line->words[line->count++] = "-nx";
	for (size_t i = 0; i < array_size(gdb_guards); i++)
		add_first(line, gdb_guards[i]);
	for (size_t i = 0; is_bundle && i < array_size(gdb_bundle_guards); i++)
		add_first(line, gdb_bundle_guards[i]);
}

static void add_sysroot(struct command_line *line, const char *sysroot)
{
	snprintf(line->files, sizeof(line->files), "set sysroot %s", sysroot);
	snprintf(line->debug_files, sizeof(line->debug_files), "set debug-file-directory %s/usr/lib/debug", sysroot);
	snprintf(line->libraries, sizeof(line->libraries), "set solib-search-path %s/solib", sysroot);
	add_first(line, line->files);
	add_first(line, line->debug_files);
	add_first(line, line->libraries);
}

static void make_line(struct command_line *line, const char *debugger, const char *sysroot, char *given,
		      const char *executable, const char *core)
{
	line->words[line->count++] = debugger;
	if (is_gdb(debugger)) {
		add_guards(line, sysroot != NULL);
		if (sysroot)
			add_sysroot(line, sysroot);
	}
	line->count += split(given, line->words + line->count, MOST_ARGUMENTS);
	if (executable)
		line->words[line->count++] = executable;
	line->words[line->count++] = "-c";
	line->words[line->count++] = core;
	line->words[line->count] = NULL;
}

struct surroundings {
	bool is_bundle;
	struct sigaction interrupt; /* what Ctrl-C did before */
};

static int prepare(void *context, const int ends[CHILD_STREAMS])
{
	const struct surroundings *surroundings = context;

	(void)ends;
	sigaction(SIGINT, &surroundings->interrupt, NULL);
	/* No server is asked for what a stranger's files name. */
	if (surroundings->is_bundle)
		unsetenv("DEBUGINFOD_URLS");
	return 0;
}

static struct error *run_line(const struct command_line *line, bool is_bundle, int *ret_status)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct surroundings surroundings = {.is_bundle = is_bundle};
	const struct child_task task = {
		.work = prepare, .context = &surroundings, .arguments = (char *const *)line->words};
	cleanup_child struct child child = CHILD_NONE;
	struct child_status status = {0};
	struct error *err;

	/* Ctrl-C is the debugger's. */
	sigaction(SIGINT, &ignore, &surroundings.interrupt);
	err = child_start(&task, &child);
	if (!err)
		status = child_wait(&child);
	sigaction(SIGINT, &surroundings.interrupt, NULL);
	*ret_status = status.exit_code < 0 ? CLI_FAILED : status.exit_code;
	return err;
}

/* `sysroot`: where the dead process's files are, a stranger's; NULL: in their places. Only gdb is told. */
static struct error *run_debugger(const struct cli_options *options, const char *sysroot, const char *executable,
				  const char *core, int *ret_status)
{
	cleanup_free char *given = options->debugger_arguments ? strdup(options->debugger_arguments) : NULL;
	cleanup_free struct command_line *line = calloc(1, sizeof(*line));

	if (!line)
		return &error_no_memory;
	make_line(line, options->debugger ?: DEBUGGER, sysroot, given, executable, core);
	return run_line(line, sysroot != NULL, ret_status);
}

/* The program is this host's, or, for a bundle, the bundle's: never one of the same name. */
static struct error *start(const struct cli_options *options, struct cli_explained *explained, const char *core,
			   int *ret_status)
{
	const char *executable = explained->crash.facts.executable;
	cleanup_free char *sysroot = NULL, *inside = NULL;

	if (explained->found.bundle) {
		struct error *err = bundle_make_sysroot(explained->found.bundle, &sysroot);

		if (err)
			return err;
		if (executable && asprintf(&inside, "%s%s", sysroot, executable) < 0) {
			inside = NULL;
			return &error_no_memory;
		}
		executable = inside;
	}
	if (executable && access(executable, R_OK) != 0)
		executable = NULL;
	return run_debugger(options, sysroot, executable, core, ret_status);
}

static struct error *run_debug(const struct cli_options *options, int *ret_status)
{
	const struct finding *verdict;
	cleanup_with(cli_explained_deinit) struct cli_explained explained = {0};
	cleanup_with(copy_remove) struct copy copy = {0};
	struct error *err;

	err = cli_explain_crash(options, options->arguments, (size_t)options->argument_count, NULL, &explained);
	if (err)
		return err;
	verdict = &explained.findings.findings[0];
	if (!explained.crash.core.image || !explained.crash.core.path)
		return error_format(ERROR_NOT_FOUND,
				    "this crash left no core that could be found; name it: corelate debug CORE");
	fprintf(stderr, "corelate: %s: ", finding_class_name(verdict->class));
	inert_write(verdict->summary, stderr);
	fputc('\n', stderr);
	return copy_make(&explained.crash, &copy) ?: start(options, &explained, copy.path, ret_status);
}

const struct cli_command cli_debug = {
	.name = "debug",
	.arguments = "[CRASH...]",
	.summary = "start a debugger on a core, with its true return addresses put back",
	.details = "The core itself is never changed: where there is something to put back, the debugger gets a copy, "
		   "which "
		   "is\nremoved afterwards. The exit status is the debugger's. Nothing that lies with the crash's "
		   "files or "
		   "in\nthis directory is run by gdb; for a bundle gdb reads no init file either.\n",
	.flags = CLI_DB | CLI_MATCH | CLI_DEBUGGER | CLI_LIMITS,
	.most = CLI_ANY,
	.run = run_debug,
};
