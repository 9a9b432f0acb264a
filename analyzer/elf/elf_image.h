/* SPDX-License-Identifier: MIT */
/*
 * An ELF image, in a file or in the memory of a process: program headers, load bias, build-id. Nothing of sections or
 * symbols (elf_file.h). Every field is checked before it is used; what makes no sense is absent. The descriptor and the
 * memory stay the caller's. Layouts: elf(5), gABI "Note Section".
 */
#ifndef ANALYZER_ELF_IMAGE_H
#define ANALYZER_ELF_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies up to `size` bytes at an address; returns how many leading bytes could be had. */
typedef size_t (*elf_memory_reader)(const void *memory, uint64_t address, void *buffer, size_t size);

/* In memory when `read_memory` is set, with the byte at file offset 0 at `base`; else the file behind `fd`. */
struct elf_image {
	elf_memory_reader read_memory;
	const void *memory; /* what the reader is given */
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

/* Reads the header and program headers of the image that `image` has memory and `base`, or `fd`, for. */
enum elf_image_kind elf_image_init(struct elf_image *image);
void elf_image_deinit(struct elf_image *image);

/* What to add to the image's addresses when the page of it at file offset `offset` is mapped at `address`. */
bool elf_image_find_bias(const struct elf_image *image, uint64_t address, uint64_t offset, uint64_t *ret_bias);

/* The end of the highest PT_LOAD, in the image's own addresses, rounded up to the page. */
uint64_t elf_image_end(const struct elf_image *image);

/* Copies NT_GNU_BUILD_ID to `build_id` (64 bytes) and returns its length, or 0. `bias` matters for memory only. */
size_t elf_image_read_build_id(const struct elf_image *image, uint64_t bias, uint8_t build_id[64]);

#endif
