/* SPDX-License-Identifier: MIT */
/*
 * A live process, as far as a probe on it matters: which files it executes code from, which code it has in no file, and
 * its seccomp filters. A snapshot from /proc; the process may change or end at any time. See proc(5).
 */
#ifndef ANALYZER_CORE_PROCESS_H
#define ANALYZER_CORE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

struct core_process_file {
	char *path;	 /* as the process sees it */
	char *open_path; /* by which this process can open it, whatever namespace that one is in, and when deleted */
	uint64_t inode;
	bool is_executable_file; /* the program itself */
};

struct core_process {
	uint32_t pid;
	char comm[17];
	struct core_process_file *files; /* mapped executable, each once; the program first */
	size_t file_count;
	size_t thread_count;
	size_t filtered_threads;   /* with a seccomp mode other than 0 */
	uint64_t anonymous_code;   /* start of an executable mapping of no file, or 0 */
	size_t anonymous_mappings; /* how many */
};

/* ERROR_NOT_FOUND: no such process, or gone meanwhile; ERROR_PERMISSION: its maps may not be read; ERROR_UNSUPPORTED: a
 * kernel thread. */
struct error *core_process_read(uint32_t pid, struct core_process **ret) must_check;
void core_process_destroy(struct core_process *process);
DEFINE_CLEANUP(struct core_process, core_process_destroy)

#endif
