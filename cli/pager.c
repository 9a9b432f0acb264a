/* SPDX-License-Identifier: MIT */
#include "cli/pager.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/array.h"
#include "common/child.h"

static struct child pager;

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

static int prepare(void *context, const int ends[CHILD_STREAMS])
{
	(void)context;
	(void)ends;
	setenv("LESS", "FRSXMK", 0);
	if (is_someone_else())
		setenv("LESSSECURE", "1", 0);
	return 0;
}

void pager_begin(void)
{
	const char *command;

	if (pager.pid || !isatty(STDOUT_FILENO) || !(command = choose()))
		return;
	/* Ctrl-C is for the pager's own commands; it decides. */
	error_destroy(
		child_start(&(struct child_task){.work = prepare,
						 .arguments = (char *const[]){"/bin/sh", "-c", (char *)command, NULL},
						 .pipes = CHILD_PIPE(CHILD_INPUT)},
			    &pager));
	if (!pager.pid)
		return;
	/* A reader who has seen enough closes the pipe: that ends writing, not this program. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	dup2(pager.ends[CHILD_INPUT], STDOUT_FILENO);
	child_close(&pager, CHILD_INPUT);
}

bool pager_is_on(void)
{
	return pager.pid > 0;
}

void pager_leave(void)
{
	if (!pager.pid)
		return;
	close(STDOUT_FILENO);
	child_wait(&pager);
}

bool pager_end(void)
{
	bool written = fflush(stdout) == 0 && !ferror(stdout);

	if (!pager.pid)
		return written;
	/* Whether it failed for another reason than a reader who left cannot matter to one who looks at a terminal. */
	close(STDOUT_FILENO);
	child_wait(&pager);
	return true;
}
