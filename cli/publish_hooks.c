/* SPDX-License-Identifier: MIT */
/* The hooks: programs of the administrator's that take a report further. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/privilege.h"
#include "cli/publish.h"
#include "common/child.h"
#include "common/cleanup.h"

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

struct hook {
	const struct hooks *hooks;
	const char *path;
};

static int become(void *context, const int ends[CHILD_STREAMS])
{
	const struct hook *hook = context;
	struct error *err = privilege_drop(&hook->hooks->user);
	int input;

	(void)ends;
	if (err)
		return 126;
	/* Without rights: the directory is the hooks' user's, and what is called so may be anything by now. */
	input = openat(hook->hooks->directory_fd, "report.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (input < 0)
		input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (input < 0 || dup2(input, STDIN_FILENO) < 0 || chdir("/") != 0)
		return 126;
	execve(hook->path, (char *[]){(char *)hook->path, NULL}, hook->hooks->environment);
	dprintf(STDERR_FILENO, "%s", strerror(errno));
	return 127;
}

static void run_hook(const struct hooks *hooks, const char *path)
{
	const uint64_t seconds = hooks->settings->hook_timeout_s;
	struct hook hook = {hooks, path};
	const struct child_task task = {.work = become,
					.context = &hook,
					.pipes = CHILD_PIPE(CHILD_OUTPUT),
					.joins_errors = true,
					.has_session = true,
					.resets_signals = true,
					.closes_others = true,
					.kept = &hooks->directory_fd,
					.kept_count = 1};
	cleanup_child struct child child = CHILD_NONE;
	struct error *err = child_start(&task, &child);
	struct child_status status;
	char words[OUTPUT_BYTES + 1];

	if (err) {
		log_write(LOG_LEVEL_ERROR, "cannot run the hook %s: %s", path, err->message);
		error_destroy(err);
		return;
	}
	/* It may leave children behind that hold the pipe. */
	if (!child_await_words(&child, seconds ? deadline_in_ms(seconds * 1000) : deadline_never(), words,
			       sizeof(words), &status))
		log_write(LOG_LEVEL_ERROR, "the hook %s took over %" PRIu64 " s and was ended", path, seconds);
	else if (status.signal)
		log_write(LOG_LEVEL_ERROR, "the hook %s died of signal %d: %s", path, status.signal, words);
	else if (status.exit_code > 0)
		log_write(LOG_LEVEL_ERROR, "the hook %s failed with status %d: %s", path, status.exit_code, words);
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
