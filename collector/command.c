/* SPDX-License-Identifier: MIT */
#include "collector/command.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct identity {
	uid_t uid;
	gid_t gid;
	char name[256]; /* "" when the number has no name */
};

static struct error *identity_of(const char *user, struct identity *ret)
{
	struct passwd *entry = getpwnam(user);
	char *end;
	unsigned long number;

	if (!entry) {
		errno = 0;
		number = strtoul(user, &end, 10);
		if (errno || *end || end == user || number >= (uid_t)-1)
			return error_format(ERROR_NOT_FOUND, "no user is called '%s'", user);
		entry = getpwuid((uid_t)number);
		if (!entry) {
			*ret = (struct identity){.uid = (uid_t)number, .gid = (gid_t)number};
			return NULL;
		}
	}
	*ret = (struct identity){.uid = entry->pw_uid, .gid = entry->pw_gid};
	snprintf(ret->name, sizeof(ret->name), "%s", entry->pw_name);
	return NULL;
}

static int become(const struct identity *identity)
{
	if (identity->name[0] ? initgroups(identity->name, identity->gid) : setgroups(0, NULL))
		return -1;
	return setgid(identity->gid) || setuid(identity->uid) ? -1 : 0;
}

struct plan_to_run {
	char *const *arguments;
	const struct identity *identity; /* NULL: the caller's */
};

static int run_command(void *context, const int ends[CHILD_STREAMS])
{
	const struct plan_to_run *plan = context;
	char byte;
	ssize_t got;
	int number;

	do {
		got = read(ends[CHILD_GATE], &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got != 1)
		return 125; /* the recorder gave up, or died */
	if (plan->identity && become(plan->identity)) {
		dprintf(STDERR_FILENO, "corelate: cannot become user %u: %s\n", (unsigned)plan->identity->uid,
			strerror(errno));
		return 126;
	}
	execvp(plan->arguments[0], plan->arguments);
	number = errno;
	dprintf(STDERR_FILENO, "corelate: cannot run %s: %s\n", plan->arguments[0], strerror(number));
	return number == ENOENT ? 127 : 126;
}

struct error *command_prepare(char *const *arguments, const char *user, struct child *ret_command)
{
	struct identity identity;
	struct plan_to_run plan = {.arguments = arguments};
	/* The recorder ignores SIGPIPE; exec would hand that on. */
	const struct child_task task = {
		.work = run_command, .context = &plan, .pipes = CHILD_PIPE(CHILD_GATE), .resets_signals = true};

	if (!user && geteuid() == 0)
		user = getenv("SUDO_USER");
	if (user) {
		struct error *err = identity_of(user, &identity);

		if (err)
			return err;
		plan.identity = &identity;
	}
	return child_start(&task, ret_command);
}

void command_release(struct child *command)
{
	ssize_t written = write(command->ends[CHILD_GATE], "", 1);

	(void)written; /* a child that is gone shows in its exit status */
	child_close(command, CHILD_GATE);
}

void command_abandon(struct child *command)
{
	if (command->pid <= 0)
		return;
	child_close(command, CHILD_GATE);
	/* One that was released may run on for long: a signal to us ends the wait, and leaves it alone. */
	child_wait_or_signal(command);
}
