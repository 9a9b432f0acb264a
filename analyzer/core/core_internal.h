/* SPDX-License-Identifier: MIT */
/*
 * What the files of the core reader share: the mapped file, and images of files in its memory.
 *
 * Nothing outside analyzer/core*.c includes this.
 */
#ifndef ANALYZER_CORE_INTERNAL_H
#define ANALYZER_CORE_INTERNAL_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/elf/elf_host.h"
#include "analyzer/elf/elf_image.h"
#include "common/error.h"

struct core_private {
	char *path;
	const uint8_t *bytes; /* the whole core file, mapped read-only and private */
	size_t size;
	int fd; /* of it; -1: none */
	/* For each of core->segments: the bytes that its header promises. More than dumped_bytes when the file is cut.
	 */
	uint64_t *promised_bytes;
	char *file_paths; /* the strings of NT_FILE; each core_file_mapping.path points into it */
	char **linked_paths; /* or is one of these, which core_find_linked_files() has found */
	size_t linked_path_count;
};

/* Opens the separate debug file of the module's build-id, or returns -1. Directories as for core_find_modules(). */
int core_find_debug_file(const struct core_module *module, struct elf_host *host, const char *const *debug_directories);

/* Reads the notes in `bytes`, all that the file still has of one PT_NOTE. Notes that make no sense are passed over; the
 * walk stops where the lengths leave the segment. Fails only for want of memory. */
struct error *core_read_notes(struct core *core, const uint8_t *bytes, size_t size);

/* The image whose first byte is at `base` in the core's memory, as it was dumped; for elf_image_init(). */
struct elf_image core_image_at(const struct core *core, uint64_t base);

/* Fills what depends on several notes (signal, pid), and sorts. */
void core_finish_notes(struct core *core);

/* Sorts core->files, and cuts what overlaps. */
void core_sort_files(struct core *core);

/* Without NT_FILE: fills core->files with what the dynamic linker's list and the program's own header say
 * (core_link_map.c). Fails only for want of memory. */
struct error *core_find_linked_files(struct core *core) must_check;

#endif
