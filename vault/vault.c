/* SPDX-License-Identifier: MIT */
/* The vault's directory: opening it, and what is done to files in it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "vault/vault_internal.h"

#define LONGEST_NAME 128

struct vault {
	char *path;
	int fd;
};

/* mkdir -p, the last one 0700. */
static struct error *make_directories(const char *path)
{
	cleanup_free char *copy = strdup(path);

	if (!copy)
		return &error_no_memory;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(copy, 0755) != 0 && errno != EEXIST)
			return error_errno(errno, "cannot make the directory %s", copy);
		*slash = '/';
	}
	if (mkdir(copy, 0700) != 0 && errno != EEXIST)
		return error_errno(errno, "cannot make the directory %s", copy);
	return NULL;
}

struct error *vault_open(const char *directory, bool create, struct vault **ret_vault)
{
	struct error *err = create ? make_directories(directory) : NULL;
	struct vault *vault;

	if (err)
		return err;
	vault = calloc(1, sizeof(*vault));
	if (!vault)
		return &error_no_memory;
	vault->path = strdup(directory);
	vault->fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (vault->fd < 0 || !vault->path) {
		err = vault->fd >= 0 ? &error_no_memory
		      : errno == ENOTDIR
			      ? error_format(ERROR_INVALID, "%s is not a directory", directory)
			      : error_errno(errno, "cannot open the directory of kept crashes %s", directory);
		vault_destroy(vault);
		return err;
	}
	*ret_vault = vault;
	return NULL;
}

void vault_destroy(struct vault *vault)
{
	if (!vault)
		return;
	if (vault->fd >= 0)
		close(vault->fd);
	free(vault->path);
	free(vault);
}

const char *vault_path(const struct vault *vault)
{
	return vault->path;
}

int vault_fd(const struct vault *vault)
{
	return vault->fd;
}

bool vault_is_name(const char *name)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._";
	size_t length = strlen(name);

	return length > 0 && length <= LONGEST_NAME && name[0] != '.' && strspn(name, allowed) == length;
}

struct error *vault_open_entry(const struct vault *vault, const char *name, int *ret_fd)
{
	int fd = openat(vault->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP
			       ? error_format(ERROR_INVALID, "%s/%s is not a directory", vault->path, name)
			       : error_errno(errno, "%s/%s", vault->path, name);
	*ret_fd = fd;
	return NULL;
}

struct error *vault_open_file(int directory_fd, const char *name, const char *what, int *ret_fd)
{
	cleanup_fd int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd < 0)
		return errno == ELOOP ? error_format(ERROR_INVALID, "%s/%s is a link", what, name)
				      : error_errno(errno, "%s/%s", what, name);
	if (fstat(fd, &status) != 0)
		return error_errno(errno, "%s/%s", what, name);
	if (!S_ISREG(status.st_mode))
		return error_format(ERROR_INVALID, "%s/%s is not a regular file", what, name);
	*ret_fd = take_fd(&fd);
	return NULL;
}

struct error *vault_read_file(int directory_fd, const char *name, const char *what, size_t most, char **ret_text,
			      size_t *ret_bytes)
{
	cleanup_free char *text = NULL;
	cleanup_fd int fd = -1;
	struct error *err = vault_open_file(directory_fd, name, what, &fd);
	struct stat status;
	size_t used = 0;

	if (err)
		return err;
	if (fstat(fd, &status) != 0)
		return error_errno(errno, "%s/%s", what, name);
	if ((uint64_t)status.st_size > most)
		return error_format(ERROR_INVALID, "%s/%s is impossibly large (%lld bytes)", what, name,
				    (long long)status.st_size);
	text = malloc((size_t)status.st_size + 1);
	if (!text)
		return &error_no_memory;
	while (used < (size_t)status.st_size) {
		ssize_t got = read(fd, text + used, (size_t)status.st_size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(errno, "%s/%s", what, name);
		if (got == 0)
			break;
		used += (size_t)got;
	}
	text[used] = 0;
	*ret_bytes = used;
	*ret_text = take_pointer(text);
	return NULL;
}

/* Not error_errno() as it is: a file that cannot be made is not one that was not found. */
static struct error *write_failure(const char *what, const char *name)
{
	return error_format(errno == EACCES || errno == EPERM ? ERROR_PERMISSION : ERROR_SYSTEM,
			    "cannot write %s/%s: %s", what, name, strerror(errno));
}

struct error *vault_write_file(int directory_fd, const char *name, const char *what, const char *text, size_t bytes)
{
	cleanup_fd int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct error *err = NULL;
	size_t used = 0;

	if (fd < 0)
		return write_failure(what, name);
	while (!err && used < bytes) {
		ssize_t put = write(fd, text + used, bytes - used);

		used += put > 0 ? (size_t)put : 0;
		if (put < 0 && errno != EINTR)
			err = write_failure(what, name);
	}
	if (!err && fsync(fd) != 0)
		err = write_failure(what, name);
	if (err)
		unlinkat(directory_fd, name, 0);
	return err;
}

struct error *vault_remove_directory(const struct vault *vault, const char *name)
{
	int fd = openat(vault->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *item;
	DIR *directory;

	if (fd < 0)
		return errno == ENOENT ? NULL : error_errno(errno, "cannot remove %s/%s", vault->path, name);
	directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return &error_no_memory;
	}
	while ((item = readdir(directory)))
		unlinkat(dirfd(directory), item->d_name, 0); /* rmdir tells whether all are gone */
	closedir(directory);
	if (unlinkat(vault->fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		return error_errno(errno, "cannot remove %s/%s", vault->path, name);
	return NULL;
}
