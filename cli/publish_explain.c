/* SPDX-License-Identifier: MIT */
/* The explanation of a kept crash: from its child's words to a report. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/publish.h"
#include "cli/publish_child.h"
#include "common/cleanup.h"
#include "common/deadline.h"
#include "common/inert.h"

#define REPORT_BYTES_MAX (64u << 20)

struct answer {
	char *text;
	size_t used, capacity;
};

static struct error *append(struct answer *answer, int fd, bool *ret_end)
{
	ssize_t got;

	if (answer->capacity - answer->used < 65536) {
		size_t capacity = answer->capacity * 2 + (1 << 20);
		char *larger = realloc(answer->text, capacity);

		if (!larger)
			return &error_no_memory;
		answer->text = larger;
		answer->capacity = capacity;
	}
	got = read(fd, answer->text + answer->used, answer->capacity - answer->used - 1);
	if (got < 0 && errno != EINTR)
		return error_errno(errno, "cannot read the explanation");
	*ret_end = got == 0;
	answer->used += got > 0 ? (size_t)got : 0;
	answer->text[answer->used] = 0;
	if (answer->used > REPORT_BYTES_MAX)
		return error_format(ERROR_INVALID, "the explanation is impossibly long");
	return NULL;
}

static struct error *receive(struct answer *answer, int fd, unsigned seconds)
{
	const struct deadline end = deadline_in_ms(seconds * 1000ull);
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	struct error *err = NULL;
	bool at_end = false;

	while (!err && !at_end) {
		if (deadline_is_over(end))
			return error_format(ERROR_SYSTEM, "explaining took over %u s", seconds);
		if (poll(&wanted, 1, deadline_left_ms(end, 1000)) > 0)
			err = append(answer, fd, &at_end);
	}
	return err;
}

/* The child's words are no more to be trusted than the core: a line at most, of nothing that does harm anywhere. */
static char *take_line(char *text, char *ret, size_t size)
{
	size_t length = strcspn(text, "\n"), used = 0;

	if (!text[length])
		return NULL;
	for (size_t i = 0, bytes; i < length; i += bytes ? bytes : 1) {
		bytes = inert_length(text + i, length - i);
		if (used + bytes >= size)
			break;
		memcpy(ret + used, text + i, bytes);
		used += bytes;
	}
	ret[used] = 0;
	return text + length + 1;
}

static struct error *split(char *text, struct verdict *verdict, char **ret_report)
{
	char *at = take_line(text, verdict->id, sizeof(verdict->id));

	at = at ? take_line(at, verdict->class, sizeof(verdict->class)) : NULL;
	at = at ? take_line(at, verdict->confidence, sizeof(verdict->confidence)) : NULL;
	at = at ? take_line(at, verdict->signature, sizeof(verdict->signature)) : NULL;
	at = at ? take_line(at, verdict->summary, sizeof(verdict->summary)) : NULL;
	if (!at)
		return error_format(ERROR_INVALID, "the explanation makes no sense");
	*ret_report = inert_json_text(at);
	return *ret_report ? NULL : &error_no_memory;
}

static struct error *judge(struct answer *answer, int status, struct verdict *verdict, char **ret_report)
{
	if (WIFSIGNALED(status))
		return error_format(ERROR_SYSTEM, "the process that explains died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 2) {
		cleanup_free char *inert = publish_inert(answer->used ? answer->text : "");

		return error_format(ERROR_INVALID, "%.1000s", inert ?: "?");
	}
	if (WEXITSTATUS(status) != 0 || !answer->text)
		return error_format(ERROR_SYSTEM, "the process that explains failed");
	return split(answer->text, verdict, ret_report);
}

/* It has said what it had to say: one that stays would hold the lock, and up all crashes that come. */
static void await_end(pid_t child, int *ret_status)
{
	const struct deadline end = deadline_in_ms(5000);

	while (!deadline_is_over(end)) {
		if (waitpid(child, ret_status, WNOHANG) != 0)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	kill(child, SIGKILL);
	while (waitpid(child, ret_status, 0) < 0 && errno == EINTR)
		;
}

static struct error *run(const struct publish_task *task, struct verdict *verdict, char **ret_report)
{
	struct answer answer = {0};
	struct error *err;
	int ends[2], status = 0;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(errno, "cannot make a pipe");
	fflush(NULL);
	child = fork();
	if (child == 0)
		publish_work(task, ends[1]);
	close(ends[1]);
	err = child < 0 ? error_errno(errno, "cannot start a process that explains")
			: receive(&answer, ends[0], publish_seconds(task));
	close(ends[0]);
	if (child > 0) {
		if (err)
			kill(child, SIGKILL);
		await_end(child, &status);
	}
	if (!err)
		err = judge(&answer, status, verdict, ret_report);
	free(answer.text);
	return err;
}

struct error *publish_explain(struct vault *vault, const struct vault_entry *entry,
			      const struct vault_settings *settings, const struct process_files *files, bool fresh,
			      struct verdict *ret_verdict, char **ret_report, size_t *ret_bytes)
{
	struct publish_task task = {
		.entry = entry,
		.core_fd = -1,
		.database = settings->database,
		.files = files,
		.fresh = fresh,
		.limits = {.time_ns = settings->explain_time_ns,
			   .memory_bytes = settings->explain_memory_bytes,
			   .time_option = "--time-limit (or ExplainTime in " VAULT_SETTINGS_PATH ")",
			   .memory_option = "--memory-limit (or ExplainMemory in " VAULT_SETTINGS_PATH ")"}};
	cleanup_free char *name = NULL, *report = NULL;
	struct verdict verdict = {0};
	cleanup_fd int core = -1;
	struct error *err = NULL;

	if (entry->has_core)
		err = vault_open_stored_core(vault, entry, &core, &task.is_packed);
	if (err)
		return err;
	if (entry->name &&
	    asprintf(&name, "%s/%s/core%s", vault_path(vault), entry->name, task.is_packed ? ".zst" : "") < 0) {
		name = NULL;
		return &error_no_memory;
	}
	task.core_fd = core;
	task.core_name = name;
	err = run(&task, &verdict, &report);
	if (err)
		return err;
	*ret_verdict = verdict;
	*ret_bytes = strlen(report);
	*ret_report = take_pointer(report);
	return NULL;
}
