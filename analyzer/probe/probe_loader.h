/* SPDX-License-Identifier: MIT */
/*
 * Where the dynamic linker would find a library, told by reading files: nothing is run. The order is that of ld.so(8)
 * and glibc's elf/dl-load.c: DT_RPATH, LD_LIBRARY_PATH, DT_RUNPATH, /etc/ld.so.cache, the system's directories; in each
 * directory its variants for newer processors (glibc-hwcaps and their forerunners) go first, but which of them a
 * processor gets is not decided here: all are given.
 *
 * Not known: libraries that a program opens with dlopen(), prelinked or audited ones.
 */
#ifndef ANALYZER_PROBE_LOADER_H
#define ANALYZER_PROBE_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/elf/elf_file.h"
#include "common/error.h"

struct probe_loader {
	char *library_path; /* LD_LIBRARY_PATH, or NULL */
	uint8_t *cache;	    /* /etc/ld.so.cache; NULL when there is none */
	size_t cache_bytes;
};

/* Paths, each the caller's to free like the array. */
struct probe_paths {
	char **paths;
	size_t count;
};

/* `library_path` is copied; NULL for none. A missing or damaged cache is as good as an empty one. */
struct error *probe_loader_init(struct probe_loader *loader, const char *library_path) must_check;
void probe_loader_deinit(struct probe_loader *loader);

/* Appends the files that `name` (a DT_NEEDED entry, with a slash or without) could be when `by` asks for it; the
 * loaders of `by`, innermost first and the program last, matter for DT_RPATH. `by` NULL: as for dlopen() by nobody.
 * Files that do not exist are left out; whether a file is of this architecture is the caller's to see. */
struct error *probe_loader_find(const struct probe_loader *loader, const char *name, const struct elf_file *by,
				const struct elf_file *const *loaders, size_t loader_count,
				struct probe_paths *ret) must_check;
void probe_paths_deinit(struct probe_paths *paths);

/* The sonames in the cache for x86-64 for which `wanted` is true, each once, as paths. */
struct error *probe_loader_list(const struct probe_loader *loader, bool (*wanted)(const char *soname),
				struct probe_paths *ret) must_check;

#endif
