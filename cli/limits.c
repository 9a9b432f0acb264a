/* SPDX-License-Identifier: MIT */
#include "cli/limits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/pager.h"
#include "common/cleanup.h"
#include "vault/settings.h"

#define ANSWER_BYTES_MAX (64u << 20)
#define SECONDS_MAX 1e9

/* ---- the options ---- */

static struct error *read_time(const char *text, int64_t *ret_ns)
{
	double seconds;
	char *end;

	*ret_ns = LIMITS_TIME_NS;
	if (!text)
		return NULL;
	errno = 0;
	seconds = strtod(text, &end);
	if (errno || !isdigit((unsigned char)text[0]) || *end || !(seconds >= 1e-9) || seconds > SECONDS_MAX)
		return error_format(ERROR_INVALID, "--time-limit takes seconds, above 0, not '%s'", text);
	*ret_ns = (int64_t)(seconds * 1e9);
	return NULL;
}

static struct error *read_memory(const char *text, uint64_t *ret_bytes)
{
	*ret_bytes = LIMITS_MEMORY_BYTES;
	if (!text || (vault_parse_size(text, ret_bytes) && *ret_bytes))
		return NULL;
	return error_format(ERROR_INVALID, "--memory-limit takes a size above 0 (500M, 4G), not '%s'", text);
}

struct error *cli_limits_read(struct cli_options *options)
{
	struct error *err = read_time(options->time_limit, &options->time_limit_ns);

	return err ?: read_memory(options->memory_limit, &options->memory_limit_bytes);
}

/* ---- one crash ---- */

/* Calls that signal-safety(7) lists. */
static void put(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t done = write(fd, text, left);

		if (done < 0 && errno != EINTR)
			return;
		text += done > 0 ? done : 0;
		left -= done > 0 ? (size_t)done : 0;
	}
}

static void __attribute__((noreturn)) stop_program(const char *sentence)
{
	/* Over the line of progress, if there is one. */
	put(STDERR_FILENO, isatty(STDERR_FILENO) ? "\r\033[Kcorelate: " : "corelate: ");
	put(STDERR_FILENO, sentence);
	put(STDERR_FILENO, "\n");
	pager_leave();
	_exit(CLI_FAILED);
}

static struct limits limits_of(const struct cli_options *options)
{
	return (struct limits){
		.time_ns = options->time_limit_ns,
		.memory_bytes = options->memory_limit_bytes,
		.time_option = "--time-limit",
		.memory_option = "--memory-limit",
		.stop = stop_program,
	};
}

void cli_limits_begin(const struct cli_options *options, char **names, size_t count)
{
	struct limits limits = limits_of(options);

	limits_begin(&limits, count ? names[0] : "the newest crash");
}

/* ---- one of several ---- */

enum { APART_DONE, APART_FAILED, APART_STOPPED };

static int apart_fd;

static void __attribute__((noreturn)) stop_apart(const char *sentence)
{
	put(apart_fd, sentence);
	_exit(APART_STOPPED);
}

static void __attribute__((noreturn))
work_apart(const struct cli_options *options, const char *subject, struct error *(*work)(void *context, FILE *out),
	   void *context, int output, pid_t parent)
{
	struct limits limits = limits_of(options);
	cleanup_free char *text = NULL;
	struct error *err;
	size_t size = 0;
	FILE *out;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(APART_FAILED);
	apart_fd = output;
	limits.stop = stop_apart;
	limits_begin(&limits, subject);
	/* All of it or nothing, so that a sentence never follows half an answer. */
	out = open_memstream(&text, &size);
	err = out ? work(context, out) : &error_no_memory;
	if (out && fclose(out) != 0 && !err)
		err = &error_no_memory;
	limits_end();
	if (err) {
		put(output, err->message);
		_exit(APART_FAILED);
	}
	for (size_t at = 0; at < size;) {
		ssize_t done = write(output, text + at, size - at);

		if (done < 0 && errno != EINTR)
			_exit(APART_FAILED);
		at += done > 0 ? (size_t)done : 0;
	}
	_exit(APART_DONE);
}

static struct error *receive(int fd, char **ret_text, size_t *ret_size)
{
	cleanup_free char *text = NULL;
	size_t size = 0, capacity = 0;

	for (;;) {
		ssize_t got;

		if (size + 4096 > capacity) {
			char *grown = realloc(text, capacity = 2 * capacity + 8192);

			if (!grown)
				return &error_no_memory;
			text = grown;
		}
		got = read(fd, text + size, capacity - size - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(errno, "cannot read from a child process");
		if (got == 0)
			break;
		size += (size_t)got;
		if (size > ANSWER_BYTES_MAX)
			return error_format(ERROR_INVALID, "the answer of a child process is impossibly long");
	}
	text[size] = 0;
	*ret_text = take_pointer(text);
	*ret_size = size;
	return NULL;
}

struct error *cli_limits_apart(const struct cli_options *options, const char *subject,
			       struct error *(*work)(void *context, FILE *out), void *context, char **ret_text,
			       size_t *ret_size)
{
	cleanup_free char *text = NULL;
	struct error *err;
	pid_t parent = getpid(), child;
	int ends[2], status = 0;
	size_t size = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(errno, "cannot make a pipe");
	child = fork();
	if (child == 0) {
		close(ends[0]);
		work_apart(options, subject, work, context, ends[1], parent);
	}
	close(ends[1]);
	err = child < 0 ? error_errno(errno, "cannot start a child process") : receive(ends[0], &text, &size);
	close(ends[0]);
	if (child < 0)
		return err;
	if (err)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (err)
		return err;
	if (WIFSIGNALED(status))
		return error_format(ERROR_SYSTEM, "the process that explained it died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != APART_DONE)
		return error_format(ERROR_INVALID, "%s", text);
	*ret_text = take_pointer(text);
	*ret_size = size;
	return NULL;
}
