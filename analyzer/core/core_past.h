/* SPDX-License-Identifier: MIT */
/*
 * The code of a process at an earlier moment, as pictures that everything that reads a core can read.
 *
 * A picture is a struct core without threads and without memory: its segments and files are the executable mappings of
 * files at that moment (nothing of them dumped, flags PF_R and PF_X), its modules are those files, opened. A library
 * that was unloaded since is in it; data, stacks and code without a file are not.
 *
 * Which file a mapping had is told by the record: path, device, inode. Where the core shows the same mapping, its
 * module is used, known by its build-id. Else the path is opened, and what lies there now is
 *
 *   found        the same device and inode, and not changed since it was mapped
 *   unverified   the same inode, but another device number (stacked file systems and subvolumes show several), or
 *                something about the file other than its contents was changed (its ctime is later)
 *   refused      another inode, nothing, or written to since (its mtime is later): no symbols are better than wrong
 *                ones
 */
#ifndef ANALYZER_CORE_PAST_H
#define ANALYZER_CORE_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/elf/elf_host.h"
#include "common/cleanup.h"
#include "common/error.h"

/* An executable mapping of a file. */
struct core_past_mapping {
	uint64_t start, end;
	uint64_t offset; /* of `start` in the file, bytes */
	const char *path;
	uint32_t device_major, device_minor;
	uint64_t inode;	      /* 0: not known */
	int64_t last_real_ns; /* the last date at which it was mapped; nanoseconds since the epoch, 0: not known */
	bool in_core;	      /* mappings of the same file still stood when the process died */
};

struct core_past_options {
	const struct core *core;	      /* with its modules found; NULL for none. Outlives the past. */
	uint64_t vdso;			      /* AT_SYSINFO_EHDR; 0 for none */
	const char *boot_id;		      /* of its kernel, whose vdso the host may have; NULL: not known */
	struct elf_host *host;		      /* whose files are looked at (elf_host.h); NULL: this machine's */
	const char *const *debug_directories; /* as for core_find_modules() */
};

struct core_past;

struct error *core_past_create(const struct core_past_options *options, struct core_past **ret_past) must_check;
void core_past_destroy(struct core_past *past);
DEFINE_CLEANUP(struct core_past, core_past_destroy)

/* The picture of those mappings, by rising start and without overlaps (others are left out). The same mappings again
 * give the same picture. It belongs to the past, and keeps its own copies of the paths. */
struct error *core_past_picture(struct core_past *past, const struct core_past_mapping *mappings, size_t count,
				const struct core **ret_picture) must_check;

/* One sentence for each file that was refused or could not be verified; they belong to the past. */
char *const *core_past_notes(const struct core_past *past, size_t *ret_count);

#endif
