/* SPDX-License-Identifier: MIT */
#include "common/write_place.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/array.h"
#include "common/cleanup.h"

/* As the kernel's MAXSYMLINKS. */
#define LINKS_MAX 40

struct walk {
	const char *path;
	int directory_fd;
	char *rest; /* what is still to be walked */
	unsigned int links;
};

static void walk_deinit(struct walk *walk)
{
	cleanup_close_fd(&walk->directory_fd);
	free(walk->rest);
}

struct error *write_place_failure(const char *path, int system_errno)
{
	struct error *err = error_format(ERROR_SYSTEM, "cannot write %s: %s", path, strerror(system_errno));

	if (!err->is_static)
		err->system_errno = system_errno;
	return err;
}

/* acl(5): with a list the group's bits are its mask, the most that anybody named in it may do. */
static bool has_access_list(int directory_fd)
{
	char path[64];

	/* A descriptor of O_PATH has no attributes to ask for. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", directory_fd);
	return getxattr(path, "system.posix_acl_access", NULL, 0) >= 0 || (errno != ENODATA && errno != EOPNOTSUPP);
}

/* Root's own directories are root's, and nobody else's by permission. A group other than root's is somebody. */
static bool others_may_write(int directory_fd)
{
	struct stat status;

	if (geteuid() != 0)
		return false;
	if (fstat(directory_fd, &status) != 0)
		return true;
	return status.st_uid != 0 || status.st_mode & S_IWOTH ||
	       (status.st_mode & S_IWGRP && (status.st_gid != 0 || has_access_list(directory_fd)));
}

static struct error *enter(struct walk *walk, int fd)
{
	if (fd < 0)
		return write_place_failure(walk->path, errno);
	cleanup_close_fd(&walk->directory_fd);
	walk->directory_fd = fd;
	return NULL;
}

static struct error *enter_named(struct walk *walk, const char *name)
{
	return enter(walk, openat(walk->directory_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/* ---- links ---- */

static bool is_directory_of_descriptors(int directory_fd)
{
	static const char *const names[] = {"/proc/self/fd", "/proc/thread-self/fd"};
	struct stat status, own;

	if (fstat(directory_fd, &status) != 0)
		return false;
	for (size_t i = 0; i < array_size(names); i++) {
		if (stat(names[i], &own) == 0 && own.st_dev == status.st_dev && own.st_ino == status.st_ino)
			return true;
	}
	return false;
}

/* proc(5): the text of these links is for people; what they lead to is another thing than what has that name. The plain
 * links there are those of the root and of nobody's number. */
static bool is_magic(int directory_fd, const char *name)
{
	static const char *const plain[] = {"self", "thread-self", "mounts", "net"};
	struct statfs status;

	if (fstatfs(directory_fd, &status) != 0 || status.f_type != PROC_SUPER_MAGIC)
		return false;
	for (size_t i = 0; i < array_size(plain); i++) {
		if (strcmp(name, plain[i]) == 0)
			return false;
	}
	return true;
}

static struct error *not_opened(const struct walk *walk, int fd)
{
	return error_format(ERROR_SYSTEM, "cannot write %s: the caller has not opened descriptor %d", walk->path, fd);
}

static struct error *take_descriptor(const struct walk *walk, const char *name, struct write_place *place)
{
	int fd = atoi(name), flags = fcntl(fd, F_GETFD), mode = fcntl(fd, F_GETFL);

	/* Our own close on exec. */
	if (flags < 0 || flags & FD_CLOEXEC)
		return not_opened(walk, fd);
	if ((mode & O_ACCMODE) == O_RDONLY || mode & O_PATH)
		return error_format(ERROR_SYSTEM, "cannot write %s: descriptor %d is open for reading only", walk->path,
				    fd);
	if (fstat(fd, &place->status) != 0)
		return write_place_failure(walk->path, errno);
	place->kind = WRITE_PLACE_DESCRIPTOR;
	place->descriptor = fd;
	return NULL;
}

/* The text of the link, and after it what was to follow. */
static struct error *follow(struct walk *walk, const char *name)
{
	char text[PATH_MAX];
	ssize_t length = readlinkat(walk->directory_fd, name, text, sizeof(text) - 1);
	char *rest;

	if (length < 0)
		return write_place_failure(walk->path, errno);
	if (length == 0)
		return write_place_failure(walk->path, ENOENT);
	text[length] = 0;
	if (asprintf(&rest, "%s%s", text, walk->rest) < 0)
		return &error_no_memory;
	free(walk->rest);
	walk->rest = rest;
	return text[0] == '/' ? enter(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) : NULL;
}

/* *ret_done: `place` is complete. */
static struct error *take_link(struct walk *walk, const char *name, bool is_last, struct write_place *place,
			       bool *ret_done)
{
	if (++walk->links > LINKS_MAX)
		return write_place_failure(walk->path, ELOOP);
	if (!is_magic(walk->directory_fd, name)) {
		if (others_may_write(walk->directory_fd))
			return error_format(ERROR_PERMISSION,
					    "cannot write %s: it leads over a link in a directory where other users "
					    "may write, which root does not follow",
					    walk->path);
		return follow(walk, name);
	}
	if (!is_last)
		return enter(walk, openat(walk->directory_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (!isdigit((unsigned char)name[0]) || !is_directory_of_descriptors(walk->directory_fd))
		return error_format(ERROR_INVALID, "cannot write %s: it is of another process", walk->path);
	*ret_done = true;
	return take_descriptor(walk, name, place);
}

/* ---- the walk ---- */

/* Moves the next component out of the rest; "" at the end. *ret_is_last: nothing follows, not even a slash. */
static struct error *next_name(struct walk *walk, char name[NAME_MAX + 1], bool *ret_is_last)
{
	const char *from = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(from, "/");

	if (length > NAME_MAX)
		return write_place_failure(walk->path, ENAMETOOLONG);
	memcpy(name, from, length);
	name[length] = 0;
	*ret_is_last = !from[length];
	memmove(walk->rest, from + length, strlen(from + length) + 1);
	return NULL;
}

/* What is neither a link nor a directory, or is not there. */
static struct error *take_end(struct walk *walk, const char *name, struct write_place *place)
{
	place->others_may_write = others_may_write(walk->directory_fd);
	if (place->kind == WRITE_PLACE_OTHER && S_ISSOCK(place->status.st_mode))
		return error_format(ERROR_INVALID, "cannot write %s: it is a socket", walk->path);
	place->name = strdup(name);
	if (!place->name)
		return &error_no_memory;
	place->directory_fd = take_fd(&walk->directory_fd);
	return NULL;
}

static struct error *take_step(struct walk *walk, struct write_place *place, bool *ret_done)
{
	char name[NAME_MAX + 1];
	bool is_last;
	struct error *err = next_name(walk, name, &is_last);

	if (err)
		return err;
	if (!name[0])
		return write_place_failure(walk->path, EISDIR);
	if (fstatat(walk->directory_fd, name, &place->status, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT || !is_last)
			return write_place_failure(walk->path, errno);
		if (isdigit((unsigned char)name[0]) && is_directory_of_descriptors(walk->directory_fd))
			return not_opened(walk, atoi(name));
		place->kind = WRITE_PLACE_NEW;
		*ret_done = true;
		return take_end(walk, name, place);
	}
	if (S_ISLNK(place->status.st_mode))
		return take_link(walk, name, is_last, place, ret_done);
	if (S_ISDIR(place->status.st_mode))
		return enter_named(walk, name);
	if (!is_last)
		return write_place_failure(walk->path, ENOTDIR);
	place->kind = S_ISREG(place->status.st_mode) ? WRITE_PLACE_FILE : WRITE_PLACE_OTHER;
	*ret_done = true;
	return take_end(walk, name, place);
}

struct error *write_place_find(const char *path, struct write_place *ret)
{
	struct write_place place = {.directory_fd = -1};
	cleanup_with(walk_deinit) struct walk walk = {.path = path, .directory_fd = -1, .rest = strdup(path)};
	struct error *err;
	bool done = false;

	if (!walk.rest)
		return &error_no_memory;
	err = enter(&walk, open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	while (!err && !done)
		err = take_step(&walk, &place, &done);
	if (err)
		write_place_deinit(&place);
	else
		*ret = place;
	return err;
}

void write_place_deinit(struct write_place *place)
{
	cleanup_close_fd(&place->directory_fd);
	free(place->name);
	place->directory_fd = -1;
	place->name = NULL;
}
