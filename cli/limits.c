/* SPDX-License-Identifier: MIT */
#include "cli/limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/pager.h"
#include "common/child.h"
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
	return read_time(options->time_limit, &options->time_limit_ns)
		       ?: read_memory(options->memory_limit, &options->memory_limit_bytes);
}

/* ---- one crash ---- */

/* Calls that signal-safety(7) lists. */
static bool put(int fd, const char *text, size_t left)
{
	while (left) {
		ssize_t done = write(fd, text, left);

		if (done < 0 && errno != EINTR)
			return false;
		text += done > 0 ? done : 0;
		left -= done > 0 ? (size_t)done : 0;
	}
	return true;
}

static void __attribute__((noreturn)) stop_program(const char *sentence)
{
	/* Over the line of progress, if there is one. */
	const char *begin = isatty(STDERR_FILENO) ? "\r\033[Kcorelate: " : "corelate: ";

	put(STDERR_FILENO, begin, strlen(begin));
	put(STDERR_FILENO, sentence, strlen(sentence));
	put(STDERR_FILENO, "\n", 1);
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
	put(apart_fd, sentence, strlen(sentence));
	_exit(APART_STOPPED);
}

struct work_apart {
	const struct cli_options *options;
	const char *subject;
	struct error *(*work)(void *context, FILE *out);
	void *context;
};

static int work_apart(void *context, const int ends[CHILD_STREAMS])
{
	const struct work_apart *apart = context;
	struct limits limits = limits_of(apart->options);
	cleanup_free char *text = NULL;
	struct error *err;
	size_t size = 0;
	FILE *out;

	apart_fd = ends[CHILD_ANSWER];
	limits.stop = stop_apart;
	limits_begin(&limits, apart->subject);
	/* All of it or nothing, so that a sentence never follows half an answer. */
	out = open_memstream(&text, &size);
	err = out ? apart->work(apart->context, out) : &error_no_memory;
	if (out && fclose(out) != 0 && !err)
		err = &error_no_memory;
	limits_end();
	if (err)
		put(apart_fd, err->message, strlen(err->message));
	else if (put(apart_fd, text, size))
		return APART_DONE;
	return APART_FAILED;
}

struct error *cli_limits_apart(const struct cli_options *options, const char *subject,
			       struct error *(*work)(void *context, FILE *out), void *context, char **ret_text,
			       size_t *ret_size)
{
	struct work_apart apart = {.options = options, .subject = subject, .work = work, .context = context};
	const struct child_task task = {
		.work = work_apart, .context = &apart, .pipes = CHILD_PIPE(CHILD_ANSWER), .dies_with_parent = true};
	cleanup_child struct child child = CHILD_NONE;
	cleanup_free char *text = NULL;
	struct child_status status;
	struct error *err = child_start(&task, &child);
	size_t size;

	if (!err)
		err = child_read_text(&child, CHILD_ANSWER, deadline_never(), ANSWER_BYTES_MAX,
				      "the answer of a child process", &text, &size);
	if (err)
		return err;
	status = child_wait(&child);
	if (status.signal)
		return error_format(ERROR_SYSTEM, "the process that explained it died of signal %d", status.signal);
	if (status.exit_code > APART_DONE)
		return error_format(ERROR_INVALID, "%s", text);
	*ret_text = take_pointer(text);
	*ret_size = size;
	return NULL;
}
