/* SPDX-License-Identifier: MIT */
/*
 * What the files of the core reader share: the mapped file, and ELF images inside the dead process or on disk.
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
};

/* Opens a regular file for reading, or returns a negative errno. Looks before it opens, because opening a device or a
 * FIFO can have effects of its own; -EINVAL for what is not a regular file. */
int elf_open_regular_file(const char *path, uint64_t *ret_size);

/* Opens the separate debug file of the module's build-id, or returns -1. Directories as for core_find_modules(). */
int core_find_debug_file(const struct core_module *module, struct elf_host *host, const char *const *debug_directories);

/* Reads the notes in `bytes`, all that the file still has of one PT_NOTE. Notes that make no sense are passed over; the
 * walk stops where the lengths leave the segment. Fails only for want of memory. */
struct error *core_read_notes(struct core *core, const uint8_t *bytes, size_t size);

/* Fills what depends on several notes (signal, pid), and sorts. */
void core_finish_notes(struct core *core);

/* An ELF image: in the memory of the core when `core` is set, with the byte at file offset 0 at `base`; else a file. */
struct elf_image {
	const struct core *core;
	uint64_t base;
	int fd;
	Elf64_Ehdr header;
	Elf64_Phdr *program_headers; /* header.e_phnum of them; freed by elf_image_deinit() */
};

enum elf_image_kind {
	ELF_IMAGE_ABSENT, /* the first bytes cannot be read */
	ELF_IMAGE_OTHER,  /* not a 64-bit little-endian x86-64 executable or library */
	ELF_IMAGE_ELF,
};

/* Reads the header and program headers of the image that `image` has `core` and `base`, or `fd`, for. */
enum elf_image_kind elf_image_init(struct elf_image *image);
void elf_image_deinit(struct elf_image *image);

/* What to add to the image's addresses when the page of it at file offset `offset` is mapped at `address`. */
bool elf_image_find_bias(const struct elf_image *image, uint64_t address, uint64_t offset, uint64_t *ret_bias);

/* The end of the highest PT_LOAD, in the image's own addresses, rounded up to the page. */
uint64_t elf_image_end(const struct elf_image *image);

/* Copies NT_GNU_BUILD_ID to `build_id` (64 bytes) and returns its length, or 0. `bias` matters for memory only. */
size_t elf_image_read_build_id(const struct elf_image *image, uint64_t bias, uint8_t build_id[64]);

#endif
