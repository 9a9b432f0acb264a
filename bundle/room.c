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
#include <sys/wait.h>
#include <unistd.h>

#include "bundle/bundle.h"
#include "common/cleanup.h"
#include "common/limits.h"

struct bundle_room {
	char *path;
	int held_fd; /* closed: the child removes the directory and ends */
	pid_t sweeper;
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
static void keep_room(int tell_fd, int wait_fd)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct made made = {0};
	char byte;

	limits_end();
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (int fd = 0; fd < 3 && nothing >= 0; fd++)
		dup2(nothing, fd);
	make_directory(&made);
	if (write(tell_fd, &made, sizeof(made)) == sizeof(made)) {
		close(tell_fd);
		wait_fd = dup2(wait_fd, 3);
		close_range(4, ~0U, 0);
		while (!made.error && read(wait_fd, &byte, 1) < 0 && errno == EINTR)
			;
	}
	if (!made.error)
		remove_tree(made.path);
	_exit(0);
}

/* Both pipes: the child tells by the first, and waits for the end of the second. */
static struct error *start_sweeper(struct bundle_room *room, int *ret_told_fd)
{
	int told[2], held[2];

	if (pipe2(told, O_CLOEXEC) < 0)
		return error_errno(errno, "cannot make a pipe");
	if (pipe2(held, O_CLOEXEC) < 0) {
		close(told[0]);
		close(told[1]);
		return error_errno(errno, "cannot make a pipe");
	}
	room->sweeper = fork();
	if (room->sweeper == 0) {
		close(told[0]);
		close(held[1]);
		keep_room(told[1], held[0]);
	}
	close(told[1]);
	close(held[0]);
	room->held_fd = held[1];
	*ret_told_fd = told[0];
	return room->sweeper < 0 ? error_errno(errno, "cannot start a process") : NULL;
}

static struct error *take_directory(struct bundle_room *room, int told_fd)
{
	struct made made;
	size_t used = 0;
	ssize_t got = 1;

	while (used < sizeof(made) && got > 0) {
		got = read(told_fd, (char *)&made + used, sizeof(made) - used);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			used += (size_t)got;
	}
	if (used < sizeof(made))
		return error_format(ERROR_SYSTEM, "the process that was to make a directory has ended");
	if (made.error)
		return error_format(ERROR_SYSTEM, "cannot make a directory in %s (TMPDIR may name another): %s",
				    temporary_directory(), strerror(made.error));
	room->path = strdup(made.path);
	return room->path ? NULL : &error_no_memory;
}

struct error *bundle_room_create(struct bundle_room **ret_room)
{
	struct bundle_room *room = calloc(1, sizeof(*room));
	cleanup_fd int told_fd = -1;
	struct error *err;

	if (!room)
		return &error_no_memory;
	room->held_fd = -1;
	room->sweeper = -1;
	err = start_sweeper(room, &told_fd);
	if (!err)
		err = take_directory(room, told_fd);
	if (err) {
		bundle_room_destroy(room);
		return err;
	}
	*ret_room = room;
	return NULL;
}

void bundle_room_destroy(struct bundle_room *room)
{
	if (!room)
		return;
	if (room->path)
		remove_tree(room->path);
	cleanup_close_fd(&room->held_fd);
	if (room->sweeper > 0) {
		while (waitpid(room->sweeper, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(room->path);
	free(room);
}

const char *bundle_room_path(const struct bundle_room *room)
{
	return room->path;
}
