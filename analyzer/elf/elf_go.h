/* SPDX-License-Identifier: MIT */
/*
 * What an ELF file says of Go: which version built it, and so how its functions take their arguments.
 *
 * Sources: Go's debug/buildinfo (the layout of .go.buildinfo) and cmd/compile/abi-internal.md (registers since 1.17 on
 * amd64, the stack before).
 */
#ifndef ANALYZER_ELF_GO_H
#define ANALYZER_ELF_GO_H

#include <stdbool.h>

#include "analyzer/elf/elf_file.h"

struct elf_go {
	bool is_go;
	unsigned minor;	  /* of 1.N; 0 when the version is not known */
	char version[32]; /* "go1.19.8"; "" when not known */
};

/* Never fails: a file that tells nothing, or lies, is not Go, or Go of no known version. */
void elf_go_read(const struct elf_file *elf, struct elf_go *ret);

#endif
