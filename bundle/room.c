/* SPDX-License-Identifier: MIT */
/*
 * A private directory that goes with the process. Of a process that is killed nothing can clean up but another: a child
 * holds the reading end of a pipe whose writing end dies with us, and then removes the directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle/bundle.h"
#include "common/child.h"
#include "common/cleanup.h"
#include "common/limits.h"

struct bundle_room {
	char *path;
	struct child sweeper; /* its gate is closed: it removes the directory and ends */
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	remove(path);
	return 0;
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* What the child says when it has made the directory, or could not. */
struct made {
	int error; /* 0, or an errno */
	char path[4096];
};

static const char *temporary_directory(void)
{
	const char *directory = getenv("TMPDIR");

	return directory && directory[0] == '/' ? directory : "/var/tmp";
}

static void make_directory(struct made *made)
{
	int length = snprintf(made->path, sizeof(made->path), "%s/corelate-XXXXXX", temporary_directory());

	if (length >= (int)sizeof(made->path))
		made->error = ENAMETOOLONG;
	else if (!mkdtemp(made->path))
		made->error = errno;
}

/* In the child, which makes the directory, so that there is no moment at which it would be left. It outlives what a
 * terminal sends to all, and holds nobody's output open. */
static int keep_room(void *context, const int ends[CHILD_STREAMS])
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct made made = {0};
	char byte;

	(void)context;
	limits_end();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (int fd = 0; fd < 3 && nothing >= 0; fd++)
		dup2(nothing, fd);
	make_directory(&made);
	if (write(ends[CHILD_ANSWER], &made, sizeof(made)) == sizeof(made)) {
		while (!made.error && read(ends[CHILD_GATE], &byte, 1) < 0 && errno == EINTR)
			;
	}
	if (!made.error)
		remove_tree(made.path);
	return 0;
}

static struct error *take_directory(struct bundle_room *room)
{
	struct made made;

	if (child_read_answer(&room->sweeper, deadline_never(), &made, sizeof(made)) != 0)
		return error_format(ERROR_SYSTEM, "the process that was to make a directory has ended");
	if (made.error)
		return error_format(ERROR_SYSTEM, "cannot make a directory in %s (TMPDIR may name another): %s",
				    temporary_directory(), strerror(made.error));
	room->path = strdup(made.path);
	return room->path ? NULL : &error_no_memory;
}

struct error *bundle_room_create(struct bundle_room **ret_room)
{
	const struct child_task task = {.work = keep_room,
					.pipes = CHILD_PIPE(CHILD_ANSWER) | CHILD_PIPE(CHILD_GATE),
					.has_session = true,
					.closes_others = true};
	cleanup_free struct bundle_room *room = calloc(1, sizeof(*room));
	struct error *err;

	if (!room)
		return &error_no_memory;
	err = child_start(&task, &room->sweeper);
	if (err)
		return err;
	err = take_directory(room);
	if (err)
		bundle_room_destroy(take_pointer(room));
	else
		*ret_room = take_pointer(room);
	return err;
}

void bundle_room_destroy(struct bundle_room *room)
{
	if (!room)
		return;
	if (room->path)
		remove_tree(room->path);
	child_close(&room->sweeper, CHILD_GATE);
	child_wait(&room->sweeper);
	child_deinit(&room->sweeper);
	free(room->path);
	free(room);
}

const char *bundle_room_path(const struct bundle_room *room)
{
	return room->path;
}
