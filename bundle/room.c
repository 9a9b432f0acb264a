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

/* In the child. It outlives what a terminal sends to all, and holds nobody's output open. */
static void sweep(const char *path, int wait_fd)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	for (int fd = 0; fd < 3 && nothing >= 0; fd++)
		dup2(nothing, fd);
	wait_fd = dup2(wait_fd, 3);
	close_range(4, ~0U, 0);
	while (read(wait_fd, &byte, 1) < 0 && errno == EINTR)
		;
	remove_tree(path);
	_exit(0);
}

static const char *temporary_directory(void)
{
	const char *directory = getenv("TMPDIR");

	return directory && directory[0] == '/' ? directory : "/var/tmp";
}

static struct error *start_sweeper(struct bundle_room *room)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(errno, "cannot make a pipe");
	room->sweeper = fork();
	if (room->sweeper == 0) {
		close(ends[1]);
		sweep(room->path, ends[0]);
	}
	close(ends[0]);
	if (room->sweeper < 0) {
		close(ends[1]);
		return error_errno(errno, "cannot start a process");
	}
	room->held_fd = ends[1];
	return NULL;
}

struct error *bundle_room_create(struct bundle_room **ret_room)
{
	struct bundle_room *room = calloc(1, sizeof(*room));
	struct error *err;

	if (!room)
		return &error_no_memory;
	room->held_fd = -1;
	room->sweeper = -1;
	if (asprintf(&room->path, "%s/corelate-XXXXXX", temporary_directory()) < 0) {
		free(room);
		return &error_no_memory;
	}
	if (!mkdtemp(room->path)) {
		err = error_format(ERROR_SYSTEM, "cannot make a directory in %s (TMPDIR may name another): %s",
				   temporary_directory(), strerror(errno));
		free(room->path);
		free(room);
		return err;
	}
	err = start_sweeper(room);
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
