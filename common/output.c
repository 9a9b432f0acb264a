/* SPDX-License-Identifier: MIT */
#include "common/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define NAME_ATTEMPTS 100

static void make_name(struct output *output)
{
	uint32_t number = (uint32_t)getpid();

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		number += (uint32_t)output->place.status.st_ino;
	snprintf(output->temporary, sizeof(output->temporary), ".corelate-%08x", number);
}

/* ---- opening ---- */

/* A nameless file goes with the process that writes it, however that ends. Not every file system has them. */
static struct error *open_file(struct output *output)
{
	output->fd = openat(output->place.directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (output->fd >= 0)
		return NULL;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
		return write_place_failure(output->path, errno);
	for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
		make_name(output);
		output->fd = openat(output->place.directory_fd, output->temporary,
				    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (output->fd >= 0)
			return NULL;
		output->temporary[0] = 0;
		if (errno != EEXIST)
			break;
	}
	return write_place_failure(output->path, errno);
}

static void ignore_pipe(struct output *output)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	output->ignores_pipe = sigaction(SIGPIPE, &ignore, &output->pipe_before) == 0;
}

static struct error *open_stream(struct output *output)
{
	const struct write_place *place = &output->place;
	struct stat status;
	/* open(2): of a block device, O_EXCL refuses what is mounted. */
	int flags = O_WRONLY | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC | (S_ISBLK(place->status.st_mode) ? O_EXCL : 0);

	output->is_stream = true;
	ignore_pipe(output);
	if (place->kind == WRITE_PLACE_DESCRIPTOR) {
		fflush(NULL);
		output->fd = fcntl(place->descriptor, F_DUPFD_CLOEXEC, 3);
		return output->fd < 0 ? write_place_failure(output->path, errno) : NULL;
	}
	do
		output->fd = openat(place->directory_fd, place->name, flags);
	while (output->fd < 0 && errno == EINTR);
	if (output->fd < 0 || fstat(output->fd, &status) != 0)
		return write_place_failure(output->path, errno);
	if (status.st_dev != place->status.st_dev || status.st_ino != place->status.st_ino)
		return error_format(ERROR_SYSTEM, "cannot write %s: it was replaced meanwhile", output->path);
	return NULL;
}

struct error *output_open(const char *path, bool is_private, struct output *ret)
{
	struct output output = {.fd = -1, .path = path, .is_private = is_private, .place.directory_fd = -1};
	struct error *err = write_place_find(path, &output.place);

	if (err)
		return err;
	if (output.place.others_may_write && output.place.kind != WRITE_PLACE_NEW)
		err = error_format(ERROR_PERMISSION,
				   "cannot write %s: it is there already, in a directory where other users may write, "
				   "which root does not replace",
				   path);
	else if (output.place.kind == WRITE_PLACE_NEW || output.place.kind == WRITE_PLACE_FILE)
		err = open_file(&output);
	else
		err = open_stream(&output);
	if (err) {
		output_deinit(&output);
		return err;
	}
	if (output.place.kind != WRITE_PLACE_NEW) {
		output.device = output.place.status.st_dev;
		output.inode = output.place.status.st_ino;
	}
	*ret = output;
	return NULL;
}

/* ---- closing ---- */

/* One that may not be given to the old owner keeps the permissions of nobody but its owner. */
static struct error *keep_permissions(const struct output *output)
{
	const struct stat *before = &output->place.status;
	mode_t mode = before->st_mode & 0777;

	if (output->is_private || output->place.kind != WRITE_PLACE_FILE)
		return NULL;
	if ((before->st_uid != geteuid() || before->st_gid != getegid()) &&
	    fchown(output->fd, before->st_uid, before->st_gid) != 0)
		mode &= 0707;
	return fchmod(output->fd, mode) != 0 ? write_place_failure(output->path, errno) : NULL;
}

/* Gives the nameless file this name, or, with a temporary one, moves it. Fails where the name is taken. */
static int name_new(struct output *output, const char *name)
{
	char from[64];

	if (output->temporary[0])
		return renameat2(output->place.directory_fd, output->temporary, output->place.directory_fd, name,
				 RENAME_NOREPLACE);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", output->fd);
	return linkat(AT_FDCWD, from, output->place.directory_fd, name, AT_SYMLINK_FOLLOW);
}

/* rename() needs a name: any that is free. */
static struct error *name_temporary(struct output *output)
{
	char name[sizeof(output->temporary)] = "";

	for (int attempt = 0; attempt < NAME_ATTEMPTS && !output->temporary[0]; attempt++) {
		make_name(output);
		memcpy(name, output->temporary, sizeof(name));
		output->temporary[0] = 0;
		if (name_new(output, name) == 0)
			memcpy(output->temporary, name, sizeof(name));
		else if (errno != EEXIST)
			break;
	}
	return output->temporary[0] ? NULL : write_place_failure(output->path, errno);
}

static struct error *put_in_place(struct output *output)
{
	const struct write_place *place = &output->place;
	struct error *err;

	/* Where others may write, what has appeared meanwhile is theirs. */
	if (place->others_may_write) {
		if (name_new(output, place->name) != 0)
			return write_place_failure(output->path, errno);
		output->temporary[0] = 0;
		return NULL;
	}
	err = name_temporary(output);
	if (err)
		return err;
	if (renameat(place->directory_fd, output->temporary, place->directory_fd, place->name) != 0)
		return write_place_failure(output->path, errno);
	output->temporary[0] = 0;
	return NULL;
}

/* Pipes and devices have nothing to bring to a disk. */
static struct error *commit_stream(struct output *output)
{
	int failed = fsync(output->fd) != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT) ? errno : 0;

	if (close(take_fd(&output->fd)) != 0 && !failed && errno != EINTR)
		failed = errno;
	return failed ? write_place_failure(output->path, failed) : NULL;
}

struct error *output_commit(struct output *output)
{
	cleanup_fd int directory_fd = -1;
	struct error *err;

	if (output->is_stream)
		return commit_stream(output);
	err = keep_permissions(output);
	if (err)
		return err;
	if (fsync(output->fd) != 0)
		return write_place_failure(output->path, errno);
	err = put_in_place(output);
	if (err)
		return err;
	directory_fd = openat(output->place.directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory_fd >= 0)
		fsync(directory_fd);
	return NULL;
}

void output_deinit(struct output *output)
{
	if (output->temporary[0])
		unlinkat(output->place.directory_fd, output->temporary, 0);
	output->temporary[0] = 0;
	cleanup_close_fd(&output->fd);
	output->fd = -1;
	write_place_deinit(&output->place);
	if (output->ignores_pipe)
		sigaction(SIGPIPE, &output->pipe_before, NULL);
	output->ignores_pipe = false;
}

bool output_is_standard(const char *path)
{
	struct stat status, standard;

	return stat(path, &status) == 0 && fstat(STDOUT_FILENO, &standard) == 0 && status.st_dev == standard.st_dev &&
	       status.st_ino == standard.st_ino;
}
