/* SPDX-License-Identifier: MIT */
#include "schema/open_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/cleanup.h"

/* The lock is on a file of its own, because SQLite uses record locks on the database. It belongs to this open file and
 * ends with the process however that ends. The file stays: removing it would let two recorders lock two files. */
struct error *store_lock_take(const char *path, int *ret_fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	cleanup_free char *lock_path = NULL;
	cleanup_fd int fd = -1;

	if (asprintf(&lock_path, "%s-lock", path) < 0) {
		lock_path = NULL;
		return &error_no_memory;
	}
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return error_errno(errno, "%s", lock_path);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return error_format(ERROR_SYSTEM, "another recorder is writing to %s", path);
		return error_errno(errno, "%s", lock_path);
	}
	*ret_fd = take_fd(&fd);
	return NULL;
}

bool store_lock_is_held(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	cleanup_free char *lock_path = NULL;
	cleanup_fd int fd = -1;

	if (asprintf(&lock_path, "%s-lock", path) < 0) {
		lock_path = NULL;
		return true;
	}
	fd = open(lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno != ENOENT;
	return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}
