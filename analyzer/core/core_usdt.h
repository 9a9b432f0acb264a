/* SPDX-License-Identifier: MIT */
/*
 * Static probes (USDT): the notes that <sys/sdt.h> leaves in a program. Source: systemtap's "User Space Probe
 * Implementation" (section .note.stapsdt, notes of type 3 named "stapsdt": address of the nop, address of
 * .stapsdt.base when it was linked, address of the semaphore, then provider, name and arguments as strings).
 */
#ifndef ANALYZER_CORE_USDT_H
#define ANALYZER_CORE_USDT_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core_elf.h"
#include "common/error.h"

struct core_usdt {
	const char *provider, *name, *arguments; /* belong to the core_elf */
	uint64_t address;			 /* prelink's moving undone */
	uint64_t file_offset;
	uint64_t semaphore; /* file offset; 0: it has none */
};

/* All probes whose address is in code. The array is the caller's to free. Notes that make no sense end the list. */
struct error *core_usdt_read(const struct core_elf *elf, struct core_usdt **ret, size_t *ret_count) must_check;

#endif
