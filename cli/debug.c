/* SPDX-License-Identifier: MIT */
/* corelate debug: a debugger on the core, with the return addresses that uretprobes took put back. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bundle/bundle.h"
#include "cli/cli.h"
#include "common/cleanup.h"
#include "common/inert.h"

#define DEBUGGER "gdb"
#define MOST_ARGUMENTS 64

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

	for (size_t i = 0; i < crash->repair.slot_count; i++)
		known += crash->repair.slots[i].trust != FRAME_LOST;
	if (known == 0) {
		/* A core that was unpacked has no name but our descriptor's, which the debugger must ask us for. */
		if (strncmp(crash->core->path, "/proc/self/", 11) == 0)
			snprintf(ret->path, sizeof(ret->path), "/proc/%d/%s", getpid(), crash->core->path + 11);
		else if (snprintf(ret->path, sizeof(ret->path), "%s", crash->core->path) >= (int)sizeof(ret->path))
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
	return repair_write_core(crash->core, &crash->repair, ret->path);
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

/* `sysroot`: where the dead process's files are; NULL: in their places. Only gdb is told. */
static struct error *run_debugger(const struct cli_options *options, const char *sysroot, const char *executable,
				  const char *core, int *ret_status)
{
	const char *debugger = options->debugger ?: DEBUGGER, *words[MOST_ARGUMENTS + 11];
	cleanup_free char *given = options->debugger_arguments ? strdup(options->debugger_arguments) : NULL;
	char files[4200] = "", debug_files[4200] = "", libraries[4200] = "";
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	size_t count = 0;
	int status;
	pid_t pid;

	words[count++] = debugger;
	if (sysroot && !options->debugger) {
		snprintf(files, sizeof(files), "set sysroot %s", sysroot);
		snprintf(debug_files, sizeof(debug_files), "set debug-file-directory %s/usr/lib/debug", sysroot);
		words[count++] = "-iex";
		words[count++] = files;
		words[count++] = "-iex";
		words[count++] = debug_files;
		snprintf(libraries, sizeof(libraries), "set solib-search-path %s/solib", sysroot);
		words[count++] = "-iex";
		words[count++] = libraries;
	}
	count += split(given, words + count, MOST_ARGUMENTS);
	if (executable)
		words[count++] = executable;
	words[count++] = "-c";
	words[count++] = core;
	words[count] = NULL;
	/* Ctrl-C is the debugger's. */
	sigaction(SIGINT, &ignore, &before);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		sigaction(SIGINT, &before, NULL);
		return error_errno(errno, "cannot start %s", debugger);
	}
	if (pid == 0) {
		sigaction(SIGINT, &before, NULL);
		execvp(debugger, (char *const *)words);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sigaction(SIGINT, &before, NULL);
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
		return error_format(ERROR_INVALID, "cannot run %s%s", debugger,
				    WEXITSTATUS(status) == 127 ? ": there is no such program" : "");
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
	return NULL;
}

/* The program is this host's, or, for a bundle, the bundle's: never one of the same name. */
static struct error *start(const struct cli_options *options, struct cli_explained *explained, const char *core,
			   int *ret_status)
{
	const char *executable = explained->crash.executable;
	cleanup_free char *sysroot = NULL, *inside = NULL;
	struct error *err = NULL;

	if (explained->found.bundle) {
		err = bundle_make_sysroot(explained->found.bundle, &sysroot);
		if (!err && executable && asprintf(&inside, "%s%s", sysroot, executable) < 0) {
			inside = NULL;
			err = &error_no_memory;
		}
		executable = inside;
	}
	if (err)
		return err;
	if (executable && access(executable, R_OK) != 0)
		executable = NULL;
	return run_debugger(options, sysroot, executable, core, ret_status);
}

static struct error *run_debug(const struct cli_options *options, int *ret_status)
{
	const struct finding *verdict;
	struct cli_explained explained;
	struct copy copy = {0};
	struct error *err;

	err = cli_explain_crash(options, options->arguments, (size_t)options->argument_count, NULL, &explained);
	if (err)
		return err;
	verdict = &explained.findings.findings[0];
	if (!explained.crash.core || !explained.crash.core_path) {
		err = error_format(ERROR_NOT_FOUND,
				   "this crash left no core that could be found; name it: corelate debug CORE");
	} else {
		fprintf(stderr, "corelate: %s: ", finding_class_name(verdict->class));
		inert_write(verdict->summary, stderr);
		fputc('\n', stderr);
		err = copy_make(&explained.crash, &copy);
	}
	if (!err)
		err = start(options, &explained, copy.path, ret_status);
	copy_remove(&copy);
	cli_explained_deinit(&explained);
	return err;
}

const struct cli_command cli_debug = {
	.name = "debug",
	.arguments = "[CRASH...]",
	.summary = "start a debugger on a core, with its true return addresses put back",
	.details = "The core itself is never changed: where there is something to put back, the debugger gets a copy, "
		   "which "
		   "is\nremoved afterwards. The exit status is the debugger's.\n",
	.flags = CLI_DB | CLI_MATCH | CLI_DEBUGGER,
	.most = CLI_ANY,
	.run = run_debug,
};
