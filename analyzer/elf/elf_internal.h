/* SPDX-License-Identifier: MIT */
/* What the files of the ELF reader share. Nothing outside analyzer/elf/ includes this. */
#ifndef ANALYZER_ELF_INTERNAL_H
#define ANALYZER_ELF_INTERNAL_H

#include "analyzer/elf/elf_file.h"
#include "analyzer/elf/elf_image.h"

/* A file and what has been read of it. */
struct elf_content {
	struct elf_image image; /* image.fd is owned */
	uint64_t size;
	Elf64_Shdr *sections;
	size_t section_count;
	uint8_t **contents; /* of each section, once read; ends in a zero byte that is not part of it */
	uint64_t names;	    /* index of the section with the sections' names */
};

struct elf_private {
	struct elf_content file;
	struct elf_content debug; /* image.fd is -1 when there is none */
	char *path;
	char *interpreter;
};

/* The bytes of section `index`, with a zero byte after them; NULL when it has none in the file or memory is short. They
 * stay the file's. */
const uint8_t *elf_section_bytes(struct elf_content *file, uint64_t index, size_t *ret_size);
const char *elf_section_name(struct elf_content *file, size_t index);

/* Fills symbols and code, from the file and from the debug file. */
struct error *elf_read_symbols(struct elf_file *elf) must_check;

/* Puts the symbols in order, and makes code anew. */
struct error *elf_index_symbols(struct elf_file *elf) must_check;

/* How many code symbols start at or below `address`. */
size_t elf_count_code_up_to(const struct elf_file *elf, uint64_t address);

/* Appends the functions that Go's own table names (.gopclntab), which strip leaves: for a file without .symtab, once
 * its linkage is read. Go 1.2 and later. A table that makes no sense gives nothing. */
struct error *elf_read_go_functions(struct elf_file *elf) must_check;

/* Fills slots, soname, needed, interpreter, the search paths and is_dynamic. */
struct error *elf_read_linkage(struct elf_file *elf) must_check;

#endif
