/* SPDX-License-Identifier: MIT */
/*
 * Static probes (USDT): the notes that <sys/sdt.h> leaves in a program. Source: systemtap's "User Space Probe
 * Implementation" (section .note.stapsdt, notes of type 3 named "stapsdt": address of the nop, address of
 * .stapsdt.base when it was linked, address of the semaphore, then provider, name and arguments as strings).
 */
#ifndef ANALYZER_ELF_USDT_H
#define ANALYZER_ELF_USDT_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/elf/elf_file.h"
#include "common/error.h"

struct elf_usdt {
	const char *provider, *name, *arguments; /* belong to the elf_file */
	uint64_t address;			 /* prelink's moving undone */
	uint64_t file_offset;
	uint64_t semaphore; /* file offset; 0: it has none */
};

/* All probes whose address is in code. The array is the caller's to free. Notes that make no sense end the list. */
struct error *elf_usdt_read(const struct elf_file *elf, struct elf_usdt **ret, size_t *ret_count) must_check;

#endif
