/* SPDX-License-Identifier: MIT */
/* The hooks: programs of the administrator's that take a report further. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/privilege.h"
#include "cli/publish.h"
#include "common/cleanup.h"
#include "common/deadline.h"

#define ENVIRONMENT_MAX 20
#define OUTPUT_BYTES 1024

struct hooks {
	const struct vault_settings *settings;
	struct plain_user user;
	char directory[64]; /* of the copy of the report; "" for none */
	int directory_fd;   /* the same: its name is the hooks' user's to change */
	char report[96];
	char *environment[ENVIRONMENT_MAX];
	int count;
};

/* ---- what they get ---- */

static void add(struct hooks *hooks, const char *name, const char *value)
{
	char *text;

	if (value && value[0] && hooks->count < ENVIRONMENT_MAX - 1 && asprintf(&text, "%s=%s", name, value) >= 0)
		hooks->environment[hooks->count++] = text;
}

static void add_number(struct hooks *hooks, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	add(hooks, name, text);
}

static void make_environment(struct hooks *hooks, const struct vault *vault, const struct vault_entry *entry,
			     const struct verdict *verdict)
{
	const struct vault_crash *crash = &entry->crash;
	cleanup_free char *comm = publish_inert(crash->comm), *exe = publish_inert(crash->exe), *path = NULL;
	cleanup_free char *note = publish_inert(crash->note);

	if (!entry->name || asprintf(&path, "%s/%s", vault_path(vault), entry->name) < 0)
		path = NULL;
	add(hooks, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add(hooks, "LANG", "C.UTF-8");
	add(hooks, "CORELATE_REPORT", hooks->report);
	add(hooks, "CORELATE_ENTRY", path);
	add(hooks, "CORELATE_CRASH_ID", verdict->id);
	add(hooks, "CORELATE_CLASS", verdict->class);
	add(hooks, "CORELATE_CONFIDENCE", verdict->confidence);
	add(hooks, "CORELATE_SIGNATURE", verdict->signature);
	add(hooks, "CORELATE_SUMMARY", verdict->summary);
	add_number(hooks, "CORELATE_PID", crash->pid);
	add_number(hooks, "CORELATE_UID", crash->uid);
	add_number(hooks, "CORELATE_SIGNAL", crash->signal);
	add(hooks, "CORELATE_CORE", publish_core_state(entry));
	add(hooks, "CORELATE_NOTE", note);
	add(hooks, "CORELATE_COMM", comm);
	add(hooks, "CORELATE_EXE", exe);
}

/* A copy in a directory that only the hooks' user can enter: the vault is root's. */
static struct error *make_copy(struct hooks *hooks, const char *report, size_t bytes)
{
	cleanup_fd int fd = -1;

	snprintf(hooks->directory, sizeof(hooks->directory), "/var/tmp/corelate-hooks-XXXXXX");
	if (!mkdtemp(hooks->directory)) {
		hooks->directory[0] = 0;
		return error_errno(errno, "cannot make a directory in /var/tmp");
	}
	hooks->directory_fd = open(hooks->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	snprintf(hooks->report, sizeof(hooks->report), "%s/report.json", hooks->directory);
	fd = openat(hooks->directory_fd, "report.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(errno, "%s", hooks->report);
	while (bytes) {
		ssize_t put = write(fd, report, bytes);

		if (put < 0 && errno != EINTR)
			return error_errno(errno, "%s", hooks->report);
		report += put > 0 ? put : 0;
		bytes -= put > 0 ? (size_t)put : 0;
	}
	if (geteuid() == 0 && (fchown(fd, hooks->user.uid, hooks->user.gid) != 0 ||
			       fchown(hooks->directory_fd, hooks->user.uid, hooks->user.gid) != 0))
		return error_errno(errno, "%s", hooks->report);
	return NULL;
}

static void remove_copy(const struct hooks *hooks)
{
	if (!hooks->directory[0])
		return;
	unlinkat(hooks->directory_fd, "report.json", 0);
	close(hooks->directory_fd);
	rmdir(hooks->directory); /* a hook that leaves something there keeps it */
}

/* ---- which ---- */

static int is_hook_name(const struct dirent *item)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	return item->d_name[0] != '.' && strspn(item->d_name, allowed) == strlen(item->d_name);
}

/* Run by root for root: whoever can write it could become the plain user, and more by what it is told. */
static bool is_trusted(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || !(status.st_mode & 0111))
		return false;
	if (status.st_mode & 022 || (status.st_uid != 0 && status.st_uid != geteuid())) {
		log_write(LOG_LEVEL_WARNING, "the hook %s is not run: others than root may write it", path);
		return false;
	}
	return true;
}

/* ---- running one ---- */

static void __attribute__((noreturn)) become(const struct hooks *hooks, const char *path, int output)
{
	struct error *err = privilege_drop(&hooks->user);
	sigset_t none;
	int input;

	if (err)
		_exit(126);
	/* Without rights: the directory is the hooks' user's, and what is called so may be anything by now. */
	input = openat(hooks->directory_fd, "report.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (input < 0)
		input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || chdir("/") != 0)
		_exit(126);
	close_range(3, ~0u, 0);
	execve(path, (char *[]){(char *)path, NULL}, hooks->environment);
	dprintf(2, "%s", strerror(errno));
	_exit(127);
}

/* Keeps the first words that it prints; false when its time is over. */
static bool await_end(pid_t child, int output, uint64_t seconds, char *words, int *ret_status)
{
	struct pollfd wanted = {.fd = output, .events = POLLIN};
	const struct deadline end = deadline_in_ms(seconds * 1000);
	size_t used = 0;
	char rest[256];

	for (;;) {
		ssize_t got;

		/* It may leave children behind that hold the pipe. */
		if (waitpid(child, ret_status, WNOHANG) == child)
			break;
		if (seconds && deadline_is_over(end))
			return false;
		if (poll(&wanted, 1, 100) <= 0)
			continue;
		got = used < OUTPUT_BYTES ? read(output, words + used, OUTPUT_BYTES - used)
					  : read(output, rest, sizeof(rest));
		if (got > 0 && used < OUTPUT_BYTES)
			used += (size_t)got;
		if (got == 0)
			wanted.fd = -1;
	}
	while (used < OUTPUT_BYTES) {
		ssize_t got = read(output, words + used, OUTPUT_BYTES - used);

		if (got <= 0)
			break;
		used += (size_t)got;
	}
	words[used] = 0;
	return true;
}

static void run_hook(const struct hooks *hooks, const char *path)
{
	char words[OUTPUT_BYTES + 1] = "";
	int ends[2], status = 0;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return;
	/* Only our end: a hook expects to block. */
	fcntl(ends[1], F_SETFL, 0);
	child = fork();
	if (child == 0)
		become(hooks, path, ends[1]);
	close(ends[1]);
	if (child < 0) {
		log_write(LOG_LEVEL_ERROR, "cannot run the hook %s: %s", path, strerror(errno));
	} else if (!await_end(child, ends[0], hooks->settings->hook_timeout_s, words, &status)) {
		kill(-child, SIGKILL);
		kill(child, SIGKILL); /* before it has made a session */
		waitpid(child, NULL, 0);
		log_write(LOG_LEVEL_ERROR, "the hook %s took over %" PRIu64 " s and was ended", path,
			  hooks->settings->hook_timeout_s);
	} else if (WIFSIGNALED(status)) {
		log_write(LOG_LEVEL_ERROR, "the hook %s died of signal %d: %s", path, WTERMSIG(status), words);
	} else if (WEXITSTATUS(status) != 0) {
		log_write(LOG_LEVEL_ERROR, "the hook %s failed with status %d: %s", path, WEXITSTATUS(status), words);
	}
	close(ends[0]);
}

void publish_run_hooks(struct vault *vault, const struct vault_entry *entry, const struct vault_settings *settings,
		       const struct verdict *verdict, const char *report, size_t bytes)
{
	struct hooks hooks = {.settings = settings, .directory_fd = -1};
	struct dirent **names = NULL;
	int count = scandir(settings->hooks, &names, is_hook_name, alphasort);
	struct error *err = NULL;

	if (count <= 0) {
		free(names);
		return;
	}
	plain_user_find(&hooks.user);
	if (report)
		err = make_copy(&hooks, report, bytes);
	if (err)
		log_write(LOG_LEVEL_ERROR, "no hook runs: %s", err->message);
	else
		make_environment(&hooks, vault, entry, verdict);
	for (int i = 0; i < count; i++) {
		cleanup_free char *path = NULL;

		if (!err && asprintf(&path, "%s/%s", settings->hooks, names[i]->d_name) >= 0 && is_trusted(path))
			run_hook(&hooks, path);
		free(names[i]);
	}
	free(names);
	remove_copy(&hooks);
	for (int i = 0; i < hooks.count; i++)
		free(hooks.environment[i]);
	error_destroy(err);
}
