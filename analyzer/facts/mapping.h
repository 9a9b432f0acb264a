/* SPDX-License-Identifier: MIT */
/*
 * What the core and the mapped file say of a place in memory, as plain data for the causes of mappings. Filled by
 * assemble_mapping.c; nothing here judges, and nothing here reads a file.
 *
 * Addresses are of the dead process, ranges half-open, strings belong to their struct.
 */
#ifndef ANALYZER_MAPPING_H
#define ANALYZER_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

/* A place in a file, and what an ELF file has there. */
struct file_spot {
	char *path; /* NULL: no file */
	uint64_t offset;
	bool is_elf;   /* the file could be read, is the one that was mapped, and is an ELF file */
	char *section; /* ".rodata"; NULL when not known */
	char *symbol;  /* NULL when no symbol covers the place */
	uint64_t symbol_offset;
	bool is_relro; /* in what the dynamic linker makes read-only when it has relocated it (PT_GNU_RELRO) */
};

/* The mapping that the fault's address lies in, in the dead process. */
struct mapping_facts {
	bool known;	/* the core has it */
	int protection; /* PROT_* */
	uint64_t start, end;
	struct file_spot file; /* path NULL for anonymous memory */
	/* The size of the file when the crash was explained; not known for one that has no name any more. */
	bool file_size_known;
	uint64_t file_bytes;
	/* The file was written to after the core was: its size then is not known. */
	bool file_changed_since;
	/* No permission at all, and the stack pointer lies in it or in the mapping right above it, near the fault. */
	bool guards_stack;
};

/* What glibc's freed description of a library (struct link_map) says of a range where nothing is mapped any more. */
struct unload_remains {
	bool found;
	uint64_t link_map;   /* where the description stands */
	uint64_t start, end; /* of the library */
};

void file_spot_deinit(struct file_spot *spot);
void mapping_facts_deinit(struct mapping_facts *mapping);

#endif
