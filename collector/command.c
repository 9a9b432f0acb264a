/* SPDX-License-Identifier: MIT */
#include "collector/command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

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

static _Noreturn void run_command(char *const *arguments, const struct identity *identity, int gate)
{
	sigset_t none;
	char byte;
	ssize_t got;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL); /* ignored by the recorder; exec would hand that on */
	do {
		got = read(gate, &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got != 1)
		_exit(125); /* the recorder gave up, or died */
	if (identity && become(identity)) {
		dprintf(STDERR_FILENO, "corelate: cannot become user %u: %s\n", (unsigned)identity->uid,
			strerror(errno));
		_exit(126);
	}
	execvp(arguments[0], arguments);
	dprintf(STDERR_FILENO, "corelate: cannot run %s: %s\n", arguments[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

struct error *command_prepare(char *const *arguments, const char *user, struct command *ret_command)
{
	struct identity identity;
	bool change = true;
	int gate[2];
	pid_t pid;

	if (!user && geteuid() == 0)
		user = getenv("SUDO_USER");
	if (user) {
		struct error *err = identity_of(user, &identity);

		if (err)
			return err;
	} else {
		change = false;
	}
	if (pipe2(gate, O_CLOEXEC))
		return error_errno(errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0) {
		int saved = errno;

		close(gate[0]);
		close(gate[1]);
		return error_errno(saved, "cannot fork");
	}
	if (pid == 0) {
		close(gate[1]);
		run_command(arguments, change ? &identity : NULL, gate[0]);
	}
	close(gate[0]);
	*ret_command = (struct command){.pid = pid, .gate = gate[1]};
	return NULL;
}

void command_release(struct command *command)
{
	ssize_t written = write(command->gate, "", 1);

	(void)written; /* a child that is gone shows in its exit status */
	close(command->gate);
	command->gate = -1;
}

void command_abandon(struct command *command)
{
	if (command->pid <= 0)
		return;
	if (command->gate >= 0)
		close(command->gate);
	waitpid(command->pid, NULL, 0);
	command->pid = 0;
}
