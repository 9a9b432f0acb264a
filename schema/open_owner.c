/* SPDX-License-Identifier: MIT */
#include "schema/open_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/write_place.h"

static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", "-lock"};

#define SUFFIXES array_size(suffixes)

/* A second name of a file lets another user choose which of root's files it is. */
static struct error *check_one(const struct write_place *place, const char *path, const char *suffix)
{
	cleanup_free char *name = NULL;
	struct stat status;

	if (asprintf(&name, "%s%s", place->name, suffix) < 0) {
		name = NULL;
		return &error_no_memory;
	}
	if (fstatat(place->directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? NULL : error_errno(errno, "%s%s", path, suffix);
	if (status.st_uid != 0)
		return error_format(ERROR_PERMISSION,
				    "%s%s belongs to user %u: root writes in a database of its own alone", path, suffix,
				    status.st_uid);
	if (suffix[0] && !S_ISREG(status.st_mode))
		return error_format(ERROR_INVALID, "%s%s: not a regular file", path, suffix);
	if (place->others_may_write && status.st_nlink > 1)
		return error_format(ERROR_PERMISSION,
				    "%s%s has another name as well, and lies in a directory where other users may "
				    "write: root does not write in it",
				    path, suffix);
	return NULL;
}

struct error *store_owner_check(const char *path)
{
	struct write_place place;
	struct error *err;

	if (geteuid() != 0)
		return NULL;
	err = write_place_find(path, &place);
	if (err && err->system_errno) {
		/* As SQLite would fail, which has no word for "cannot write". */
		int number = err->system_errno;

		error_destroy(err);
		return number == EISDIR ? error_format(ERROR_INVALID, "%s: not a regular file", path)
					: error_errno(number, "%s", path);
	}
	if (err)
		return err;
	if (place.kind == WRITE_PLACE_DESCRIPTOR)
		err = error_format(ERROR_INVALID, "%s: not a regular file", path);
	for (size_t i = 0; !err && i < SUFFIXES; i++)
		err = check_one(&place, path, suffixes[i]);
	write_place_deinit(&place);
	return err;
}

bool store_owner_is_foreign(const char *path)
{
	cleanup_free char *real = NULL;

	if (geteuid() != 0)
		return false;
	/* As SQLite does: the files beside it are beside what a link leads to. */
	real = realpath(path, NULL);
	for (size_t i = 0; real && i < SUFFIXES; i++) {
		cleanup_free char *beside = NULL;
		struct stat status;

		if (asprintf(&beside, "%s%s", real, suffixes[i]) < 0) {
			beside = NULL;
			return true;
		}
		if (lstat(beside, &status) == 0 && status.st_uid != 0)
			return true;
	}
	return false;
}
