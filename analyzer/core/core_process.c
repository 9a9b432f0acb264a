/* SPDX-License-Identifier: MIT */
/* A live process, from /proc. */
#include "analyzer/core/core_process.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/vector.h"

static const char deleted_suffix[] = " (deleted)";

static struct error *explain_gone(uint32_t pid, int system_errno)
{
	if (system_errno == ENOENT || system_errno == ESRCH)
		return error_format(ERROR_NOT_FOUND, "no process %" PRIu32, pid);
	return error_errno(system_errno, "cannot look at process %" PRIu32, pid);
}

/* The value of a line "NAME:\tVALUE" of a status file, or -1. */
static long status_value(const char *path, const char *name)
{
	cleanup_file FILE *file = fopen(path, "re");
	size_t length = strlen(name);
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			return strtol(line + length + 1, NULL, 10);
	}
	return -1;
}

static void read_threads(struct core_process *process)
{
	char path[64];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", process->pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		char status[384];

		if (entry->d_name[0] == '.')
			continue;
		process->thread_count++;
		snprintf(status, sizeof(status), "%s/%s/status", path, entry->d_name);
		/* 1 strict, 2 filter. */
		process->filtered_threads += status_value(status, "Seccomp") > 0;
	}
	if (tasks)
		closedir(tasks);
}

static struct error *add_file(struct core_process *process, const char *path, const char *open_path, uint64_t inode,
			      bool is_program)
{
	for (size_t i = 0; i < process->file_count; i++) {
		if (process->files[i].inode == inode && strcmp(process->files[i].path, path) == 0)
			return NULL;
	}
	if (array_resize(process->files, process->file_count + 1))
		return &error_no_memory;
	process->files[process->file_count] = (struct core_process_file){
		.path = strdup(path), .open_path = strdup(open_path), .inode = inode, .is_executable_file = is_program};
	process->file_count++;
	return process->files[process->file_count - 1].path && process->files[process->file_count - 1].open_path
		       ? NULL
		       : &error_no_memory;
}

static struct error *read_mapping(struct core_process *process, char *line)
{
	uint64_t start, end, inode;
	char open_path[4200], permissions[5];
	struct stat status;
	size_t length;
	int at = 0;
	char *path;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64 " %n", &start, &end, permissions, &inode,
		   &at) != 4 ||
	    permissions[2] != 'x')
		return NULL;
	path = line + at;
	path[strcspn(path, "\n")] = 0;
	/* [vdso], [vsyscall], [uprobes]; memory files and anonymous shared memory are where runtimes put their code. */
	if (path[0] == '[' && strncmp(path, "[anon", 5) != 0 && strcmp(path, "[heap]") != 0 &&
	    strcmp(path, "[stack]") != 0)
		return NULL;
	if (inode == 0 || strncmp(path, "/memfd:", 7) == 0 || strncmp(path, "/dev/zero", 9) == 0 ||
	    strncmp(path, "/SYSV", 5) == 0) {
		if (!process->anonymous_mappings++)
			process->anonymous_code = start;
		return NULL;
	}
	/* map_files opens what is mapped, even when it is deleted, but asks for privilege; the path does not. */
	snprintf(open_path, sizeof(open_path), "/proc/%" PRIu32 "/map_files/%" PRIx64 "-%" PRIx64, process->pid, start,
		 end);
	if (stat(open_path, &status) != 0)
		snprintf(open_path, sizeof(open_path), "/proc/%" PRIu32 "/root%s", process->pid, path);
	length = strlen(path);
	if (length >= sizeof(deleted_suffix) &&
	    strcmp(path + length - (sizeof(deleted_suffix) - 1), deleted_suffix) == 0)
		path[length - (sizeof(deleted_suffix) - 1)] = 0;
	return add_file(process, path, open_path, inode, false);
}

static struct error *read_mappings(struct core_process *process)
{
	char path[64];
	cleanup_file FILE *maps = NULL;
	cleanup_free char *line = NULL;
	struct error *err = NULL;
	size_t capacity = 0;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", process->pid);
	maps = fopen(path, "re");
	if (!maps)
		return explain_gone(process->pid, errno);
	while (!err && getline(&line, &capacity, maps) > 0)
		err = read_mapping(process, line);
	return err;
}

struct error *core_process_read(uint32_t pid, struct core_process **ret)
{
	struct core_process *process = calloc(1, sizeof(*process));
	char path[64], target[4096];
	struct error *err = NULL;
	struct stat status;
	ssize_t length;

	*ret = NULL;
	if (!process)
		return &error_no_memory;
	process->pid = pid;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/comm", pid);
	{
		cleanup_file FILE *comm = fopen(path, "re");

		if (!comm)
			err = explain_gone(pid, errno);
		else if (fgets(process->comm, sizeof(process->comm), comm))
			process->comm[strcspn(process->comm, "\n")] = 0;
	}
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);
	length = err ? -1 : readlink(path, target, sizeof(target) - 1);
	if (!err && length < 0)
		err = errno == ENOENT ? error_format(ERROR_UNSUPPORTED,
						     "process %" PRIu32 " (%s) has no executable: a kernel thread, or "
						     "ending",
						     pid, process->comm)
				      : explain_gone(pid, errno);
	if (!err) {
		size_t suffix = sizeof(deleted_suffix) - 1;

		target[length] = 0;
		if ((size_t)length > suffix && strcmp(target + length - suffix, deleted_suffix) == 0)
			target[(size_t)length - suffix] = 0;
		err = stat(path, &status) == 0 ? add_file(process, target, path, status.st_ino, true)
					       : explain_gone(pid, errno);
	}
	if (!err)
		err = read_mappings(process);
	if (err) {
		core_process_destroy(process);
		return err;
	}
	read_threads(process);
	*ret = process;
	return NULL;
}

void core_process_destroy(struct core_process *process)
{
	if (!process)
		return;
	for (size_t i = 0; i < process->file_count; i++) {
		free(process->files[i].path);
		free(process->files[i].open_path);
	}
	free(process->files);
	free(process);
}
