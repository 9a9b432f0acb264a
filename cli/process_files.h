/* SPDX-License-Identifier: MIT */
/*
 * The files whose code a dying process has mapped, opened while it is still there, by /proc/PID/map_files: whichever
 * mount namespace they are in, whoever may read them, deleted or not. They were in the process's memory; whoever gets
 * its core learns nothing new from them. Needs root.
 */
#ifndef CLI_PROCESS_FILES_H
#define CLI_PROCESS_FILES_H

#include <stddef.h>
#include <stdint.h>

#define PROCESS_FILES_MAX 400

struct process_file {
	char *path; /* as the core will name it (NT_FILE): " (deleted)" is a part of it */
	int fd;
};

/* Zeroed is empty. */
struct process_files {
	struct process_file files[PROCESS_FILES_MAX];
	size_t count;
};

/* What cannot be opened is left out. */
void process_files_open(uint32_t pid, struct process_files *ret);
void process_files_deinit(struct process_files *files);

#endif
