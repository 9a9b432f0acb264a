/* SPDX-License-Identifier: MIT */
/* The explanation of a kept crash, in a child without privilege. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/detect.h"
#include "analyzer/facts/explain.h"
#include "analyzer/report/report.h"
#include "cli/privilege.h"
#include "cli/publish.h"
#include "common/cleanup.h"
#include "schema/store.h"

#define EXPLAIN_SECONDS 120
/* How long a running recorder may take to store what it has seen: it writes several times a second. */
#define RECORD_SECONDS 5
#define REPORT_BYTES_MAX (64u << 20)

/* ---- the child: before it gives up its rights ---- */

/* SQLite opens the log and its index for writing where it may. The child must not: it sees the directory read-only, in
 * a mount namespace of its own, and has no network. A kernel or a container that refuses leaves it without these walls,
 * but not with more rights than the caller has. */
static void wall_in(const char *database)
{
	cleanup_free char *directory = strdup(database);
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (geteuid() != 0 || !slash)
		return;
	slash[slash == directory] = 0;
	if (unshare(CLONE_NEWNET | CLONE_NEWIPC) != 0)
		errno = 0; /* see above */
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount(directory, directory, NULL, MS_BIND, NULL) == 0)
		mount(NULL, directory, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
}

/* No record is no error: the core is explained without one. */
static struct store_reader *open_record(const char *database)
{
	struct store_reader *store = NULL;
	struct error *err;
	struct recording recording;

	if (access(database, F_OK) != 0)
		return NULL;
	wall_in(database);
	err = store_reader_create(database, &store);
	/* Reading makes SQLite open all the files that it will need. */
	if (!err)
		err = store_reader_newest_recording(store, &recording);
	if (!err) {
		recording_deinit(&recording);
		return store;
	}
	error_destroy(err);
	store_reader_destroy(store);
	return NULL;
}

/* ---- the child: without rights ---- */

static bool find_death(struct store_reader *store, const struct vault_crash *crash, struct signal_event *ret)
{
	struct space *spaces = NULL;
	size_t count = 0;
	bool found = false;

	if (crash->has_auxv)
		error_destroy(store_reader_find_spaces(store, crash->auxv_sysinfo_ehdr, crash->auxv_random,
						       crash->auxv_entry, crash->auxv_base, &spaces, &count));
	for (size_t i = 0; i < count && !found; i++) {
		struct process process;
		struct error *err = store_reader_process(store, spaces[i].process_id, &process);

		/* A fork has its parent's auxiliary vector. */
		if (!err && process.pid == crash->pid)
			err = store_reader_space_fatal_signal(store, spaces[i].id, ret);
		else if (!err)
			continue;
		found = !err;
		error_destroy(err);
	}
	free(spaces);
	return found;
}

/* True when nothing more is to come about a death at that moment. */
static bool is_complete(struct store_reader *store, const struct vault_crash *crash)
{
	struct recording recording;
	struct error *err = store_reader_newest_recording(store, &recording);
	bool complete;

	if (err) {
		error_destroy(err);
		return true;
	}
	complete = strcmp(recording.boot_id, crash->boot_id) != 0 || recording.ended_ns ||
		   recording.last_commit_ns > crash->boot_time_ns;
	recording_deinit(&recording);
	return complete;
}

static bool await_death(struct store_reader *store, const struct vault_crash *crash, bool fresh,
			struct signal_event *ret)
{
	for (unsigned tries = 0;; tries++) {
		/* Asked before it is looked for, or it could come in between. */
		bool last = !fresh || tries >= RECORD_SECONDS * 20 || is_complete(store, crash);

		if (find_death(store, crash, ret))
			return true;
		if (last)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	}
}

struct task {
	const struct vault_entry *entry;
	int core_fd; /* -1 for none */
	bool is_packed;
	const char *core_name; /* for the report */
	struct store_reader *store;
	bool fresh;
};

static struct error *open_core(const struct task *task, struct core **ret_core)
{
	int fd = task->core_fd;
	struct error *err = NULL;
	char path[64];

	if (fd < 0)
		return NULL;
	if (task->is_packed)
		err = vault_unpack(fd, task->entry->crash.core_bytes, &fd);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = core_open(path, ret_core);
	if (!err)
		err = core_find_modules(*ret_core, NULL);
	return err;
}

static struct error *write_verdict(const struct report *report, FILE *out)
{
	const struct finding *finding = &report->findings->findings[0];
	cleanup_free char *summary = publish_inert(report->findings->count ? finding->summary : "");

	fprintf(out, "%s\n%s\n%s\n%s\n%.1000s\n", report->crash->id,
		report->findings->count ? finding_class_name(finding->class) : "",
		report->findings->count ? finding_confidence_name(finding->confidence) : "", report->signature,
		summary ?: "");
	return report_write_json(report, out);
}

static struct error *explain(const struct task *task, FILE *out)
{
	struct explain_request request = {.store = task->store, .core_name = task->core_name};
	struct finding_list findings = {0};
	struct signal_event signal;
	struct crash crash = {0};
	struct report report;
	bool has_signal = task->store && await_death(task->store, &task->entry->crash, task->fresh, &signal);
	struct error *err = open_core(task, &request.core);

	/* The record alone can tell. */
	if (err && has_signal) {
		error_destroy(err);
		err = NULL;
		request.core = NULL;
	}
	if (!err && !request.core && !has_signal)
		return error_format(ERROR_NOT_FOUND, "there is neither a core nor a record of it");
	if (!request.core)
		request.signal = &signal;
	if (!err)
		err = explain_crash(&request, &crash);
	if (!err)
		err = detect_all(&crash, &findings);
	if (!err) {
		report_init(&report, &crash, &findings);
		err = write_verdict(&report, out);
	}
	/* The process ends: nothing is freed. */
	return err;
}

/* Status 0: a verdict and a report were written; 2: an error's text. */
static void __attribute__((noreturn)) work(struct task *task, const struct vault_settings *settings, int output)
{
	const struct rlimit time_limit = {EXPLAIN_SECONDS, EXPLAIN_SECONDS};
	struct plain_user user;
	struct error *err;
	FILE *out = fdopen(output, "w");

	prctl(PR_SET_NAME, "corelate-explai", 0, 0, 0);
	plain_user_find(&user);
	task->store = open_record(settings->database);
	setrlimit(RLIMIT_CPU, &time_limit);
	setpriority(PRIO_PROCESS, 0, 10);
	err = privilege_drop(&user);
	if (err || !out)
		_exit(1);
	err = explain(task, out);
	if (err)
		fprintf(out, "%s", err->message);
	_exit(fclose(out) == 0 ? err ? 2 : 0 : 1);
}

/* ---- the parent ---- */

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

static struct error *receive(struct answer *answer, int fd)
{
	time_t end = time(NULL) + EXPLAIN_SECONDS;
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	struct error *err = NULL;
	bool at_end = false;

	while (!err && !at_end) {
		if (time(NULL) > end)
			return error_format(ERROR_SYSTEM, "explaining took over %d s", EXPLAIN_SECONDS);
		if (poll(&wanted, 1, 1000) > 0)
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
	for (size_t i = 0; i < length && used + 1 < size; i++) {
		if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f)
			ret[used++] = text[i];
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
	*ret_report = strdup(at);
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

static struct error *run(struct task *task, const struct vault_settings *settings, struct verdict *verdict,
			 char **ret_report)
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
		work(task, settings, ends[1]);
	close(ends[1]);
	err = child < 0 ? error_errno(errno, "cannot start a process that explains") : receive(&answer, ends[0]);
	close(ends[0]);
	if (child > 0) {
		if (err)
			kill(child, SIGKILL);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (!err)
		err = judge(&answer, status, verdict, ret_report);
	free(answer.text);
	return err;
}

struct error *publish_explain(struct vault *vault, const struct vault_entry *entry,
			      const struct vault_settings *settings, bool fresh, struct verdict *ret_verdict,
			      char **ret_report, size_t *ret_bytes)
{
	struct task task = {.entry = entry, .core_fd = -1, .fresh = fresh};
	cleanup_free char *name = NULL, *report = NULL;
	struct verdict verdict = {0};
	cleanup_fd int core = -1;
	struct error *err = NULL;

	if (entry->has_core)
		err = vault_open_stored_core(vault, entry, &core, &task.is_packed);
	if (err)
		return err;
	if (asprintf(&name, "%s/%s/core%s", vault_path(vault), entry->name, task.is_packed ? ".zst" : "") < 0) {
		name = NULL;
		return &error_no_memory;
	}
	task.core_fd = core;
	task.core_name = name;
	err = run(&task, settings, &verdict, &report);
	if (err)
		return err;
	*ret_verdict = verdict;
	*ret_bytes = strlen(report);
	*ret_report = take_pointer(report);
	return NULL;
}
