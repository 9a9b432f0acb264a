/* SPDX-License-Identifier: MIT */
#include "bundle/target.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

/* Not error_errno(): a missing directory is not a missing crash. */
static struct error *failure(const char *path)
{
	return error_format(ERROR_SYSTEM, "cannot write %s: %s", path, strerror(errno));
}

/* The directory that holds `path`; the caller frees it. */
static char *directory_of(const char *path)
{
	cleanup_free char *copy = strdup(path);

	return copy ? strdup(dirname(copy)) : NULL;
}

/* A nameless file goes with the process that writes it, however that ends. Not every file system has them. */
static struct error *open_out_of_sight(struct bundle_target *target)
{
	cleanup_free char *directory = directory_of(target->path);

	if (!directory)
		return &error_no_memory;
	target->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (target->fd >= 0)
		return NULL;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return failure(target->path);
	if (asprintf(&target->temporary, "%s.XXXXXX", target->path) < 0) {
		target->temporary = NULL;
		return &error_no_memory;
	}
	target->fd = mkostemp(target->temporary, O_CLOEXEC);
	if (target->fd >= 0)
		return NULL;
	free(target->temporary);
	target->temporary = NULL;
	return failure(target->path);
}

struct error *bundle_target_open(const char *path, struct bundle_target *ret)
{
	struct bundle_target target = {.fd = -1, .path = path};
	struct stat status;
	struct error *err;

	if (stat(path, &status) == 0) {
		if (!S_ISREG(status.st_mode))
			return error_format(ERROR_INVALID, "cannot write %s: it is there and not a regular file", path);
		target.device = status.st_dev;
		target.inode = status.st_ino;
	}
	err = open_out_of_sight(&target);
	if (!err)
		*ret = target;
	return err;
}

/* rename() needs a name: any that is free. */
static struct error *give_name(struct bundle_target *target)
{
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", target->fd);
	for (unsigned attempt = 0; attempt < 100; attempt++) {
		if (asprintf(&target->temporary, "%s.%d-%u", target->path, (int)getpid(), attempt) < 0) {
			target->temporary = NULL;
			return &error_no_memory;
		}
		if (linkat(AT_FDCWD, from, AT_FDCWD, target->temporary, AT_SYMLINK_FOLLOW) == 0)
			return NULL;
		free(target->temporary);
		target->temporary = NULL;
		if (errno != EEXIST)
			break;
	}
	return failure(target->path);
}

struct error *bundle_target_commit(struct bundle_target *target)
{
	cleanup_free char *directory = directory_of(target->path);
	cleanup_fd int directory_fd = -1;
	struct error *err;

	if (!directory)
		return &error_no_memory;
	if (fsync(target->fd) != 0)
		return failure(target->path);
	if (!target->temporary) {
		err = give_name(target);
		if (err)
			return err;
	}
	if (rename(target->temporary, target->path) != 0)
		return failure(target->path);
	free(target->temporary);
	target->temporary = NULL;
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory_fd >= 0)
		fsync(directory_fd);
	return NULL;
}

void bundle_target_deinit(struct bundle_target *target)
{
	if (target->temporary)
		unlink(target->temporary);
	free(target->temporary);
	cleanup_close_fd(&target->fd);
	target->temporary = NULL;
	target->fd = -1;
}
