/* SPDX-License-Identifier: MIT */
#include "cli/process_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

/* Lines of /proc/PID/maps that are looked at: as many mappings as a kernel allows by default. */
#define LINES_MAX 70000

static bool is_known(const struct process_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++) {
		if (strcmp(files->files[i].path, path) == 0)
			return true;
	}
	return false;
}

/* `range` is the name of a link in map_files, which leads to the very file that is mapped. */
static void open_one(int directory, const char *range, struct process_files *files)
{
	char path[4096];
	ssize_t length = readlinkat(directory, range, path, sizeof(path) - 1);
	struct stat status;
	int fd;

	if (length <= 0 || path[0] != '/')
		return;
	path[length] = 0;
	/* Looked at first: opening a device can have effects of its own. */
	if (is_known(files, path) || fstatat(directory, range, &status, 0) != 0 || !S_ISREG(status.st_mode))
		return;
	fd = openat(directory, range, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	files->files[files->count] = (struct process_file){strdup(path), fd};
	if (files->files[files->count].path)
		files->count++;
	else
		close(fd);
}

void process_files_open(uint32_t pid, struct process_files *ret)
{
	cleanup_free char *line = NULL;
	cleanup_file FILE *maps = NULL;
	cleanup_fd int directory = -1;
	char path[64];
	size_t size = 0;

	ret->count = 0;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/map_files", pid);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!maps || directory < 0)
		return;
	for (unsigned i = 0; i < LINES_MAX && ret->count < PROCESS_FILES_MAX && getline(&line, &size, maps) > 0; i++) {
		uint64_t start, end;
		char range[64], flags[8];

		/* Those with code: what has symbols. */
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, flags) != 3 || !strchr(flags, 'x') ||
		    !strchr(line, '/'))
			continue;
		snprintf(range, sizeof(range), "%" PRIx64 "-%" PRIx64, start, end);
		open_one(directory, range, ret);
	}
}

void process_files_deinit(struct process_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->files[i].path);
		close(files->files[i].fd);
	}
	files->count = 0;
}
