/* SPDX-License-Identifier: MIT */
#include "cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/array.h"

static pid_t pager_pid;

/* The command for sh(1); NULL for no pager. */
static const char *choose(void)
{
	static const char *const variables[] = {"CORELATE_PAGER", "PAGER"};

	for (size_t i = 0; i < array_size(variables); i++) {
		const char *value = getenv(variables[i]);

		if (value)
			return value[0] && strcmp(value, "cat") != 0 ? value : NULL;
	}
	return "command -v less >/dev/null && exec less; command -v more >/dev/null && exec more; exec cat";
}

static bool is_someone_else(void)
{
	return getenv("SUDO_UID") || getenv("PKEXEC_UID") || getuid() != geteuid() || getgid() != getegid();
}

static void become_pager(const char *command, int input)
{
	dup2(input, STDIN_FILENO);
	setenv("LESS", "FRSXMK", 0);
	if (is_someone_else())
		setenv("LESSSECURE", "1", 0);
	/* Ctrl-C is for the pager's own commands; it decides. */
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

void pager_begin(void)
{
	const char *command;
	int ends[2];

	if (pager_pid || !isatty(STDOUT_FILENO) || !(command = choose()) || pipe2(ends, O_CLOEXEC) != 0)
		return;
	fflush(NULL);
	pager_pid = fork();
	if (pager_pid == 0)
		become_pager(command, ends[0]);
	close(ends[0]);
	if (pager_pid > 0) {
		/* A reader who has seen enough closes the pipe: that ends writing, not this program. */
		signal(SIGPIPE, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		dup2(ends[1], STDOUT_FILENO);
	} else {
		pager_pid = 0;
	}
	close(ends[1]);
}

bool pager_is_on(void)
{
	return pager_pid > 0;
}

void pager_leave(void)
{
	if (!pager_pid)
		return;
	close(STDOUT_FILENO);
	while (waitpid(pager_pid, NULL, 0) < 0 && errno == EINTR)
		;
}

bool pager_end(void)
{
	bool written = fflush(stdout) == 0 && !ferror(stdout);

	if (!pager_pid)
		return written;
	/* Whether it failed for another reason than a reader who left cannot matter to one who looks at a terminal. */
	close(STDOUT_FILENO);
	while (waitpid(pager_pid, NULL, 0) < 0 && errno == EINTR)
		;
	pager_pid = 0;
	return true;
}
