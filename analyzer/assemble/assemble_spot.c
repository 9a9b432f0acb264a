/* SPDX-License-Identifier: MIT */
/* What an ELF file has at a place: its section, and the symbol of code or data. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "analyzer/core/core_module_elf.h"
#include "analyzer/elf/elf_host.h"

static bool copy_text(char **copy, const char *text)
{
	*copy = text ? strdup(text) : NULL;
	return !text || *copy;
}

/* The symbol, of code or data, whose extent holds the address. Symbols are by rising address; nested ones are rare. */
static const struct elf_symbol *symbol_around(const struct elf_file *elf, uint64_t address)
{
	size_t low = 0, high = elf->symbol_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (elf->symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low, tried = 0; i-- > 0 && tried < 64; tried++) {
		const struct elf_symbol *symbol = &elf->symbols[i];

		if (!symbol->is_import && address - symbol->address < symbol->size)
			return symbol;
	}
	return NULL;
}

static bool describe(const struct elf_file *elf, uint64_t address, struct file_spot *spot)
{
	const struct elf_symbol *symbol = symbol_around(elf, address);
	uint64_t start, end;

	spot->is_elf = true;
	spot->is_relro = elf_find_relro(elf, &start, &end) && address >= start && address < end;
	if (symbol)
		spot->symbol_offset = address - symbol->address;
	return copy_text(&spot->section, elf_section_of(elf, address)) &&
	       copy_text(&spot->symbol, symbol ? symbol->name : NULL);
}

struct error *assemble_describe_module(const struct core_module *module, uint64_t address, struct file_spot *spot)
{
	struct elf_file *elf;
	struct error *err;
	bool complete;

	if (!module || module->elf_fd < 0)
		return NULL;
	err = core_module_open_elf(module, &elf);
	if (err) {
		error_destroy(err);
		return NULL;
	}
	complete = describe(elf, address - module->load_bias, spot);
	elf_destroy(elf);
	return complete ? NULL : &error_no_memory;
}

/* Only the file with the recorded inode number is the one that was mapped. */
struct error *assemble_describe_path(struct elf_host *host, const struct file_identity *file, bool exact,
				     struct file_spot *spot)
{
	struct elf_file *elf;
	struct error *err;
	struct elf_host_facts now;
	uint64_t address;
	bool complete = true;

	if (file->path[0] != '/' || elf_host_look(host, file->path, &now) || now.inode != file->inode)
		return NULL;
	err = elf_open_path_of(host, file->path, &elf);
	if (err) {
		error_destroy(err);
		return NULL;
	}
	/* A library's addresses begin at zero, so that in the mapping of all of it an offset is an address. */
	if (!exact)
		complete = describe(elf, spot->offset, spot);
	else if (elf_address_of_offset(elf, spot->offset, &address))
		complete = describe(elf, address, spot);
	else
		spot->is_elf = true;
	elf_destroy(elf);
	return complete ? NULL : &error_no_memory;
}
