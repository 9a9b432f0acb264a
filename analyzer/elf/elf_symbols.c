/* SPDX-License-Identifier: MIT */
/* The symbol tables of an ELF file and of its separate debug file, as one list. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_internal.h"
#include "common/array.h"
#include "common/vector.h"

/* How many symbols that start lower are asked whether they reach over an address: functions seldom nest. */
#define NESTING_MAX 64

/* .symtab appends versions (memcpy@@GLIBC_2.14, as gas and ld write them), .dynsym does not. Crystal's names have an @
 * of their own, with more than a version behind it. */
static void cut_version(char *name)
{
	char *at = strrchr(name, '@');

	if (!at || at == name || !at[1])
		return;
	for (const char *rest = at + 1; *rest; rest++) {
		if (!isalnum((unsigned char)*rest) && *rest != '_' && *rest != '.')
			return;
	}
	while (at > name + 1 && at[-1] == '@')
		at--;
	*at = 0;
}

static struct error *read_table(struct elf_file *elf, struct elf_content *file, size_t index)
{
	size_t size, names_size;
	const uint8_t *bytes = elf_section_bytes(file, index, &size);
	const uint8_t *names = elf_section_bytes(file, file->sections[index].sh_link, &names_size);
	size_t count = size / sizeof(Elf64_Sym);

	if (!bytes || !names || count == 0)
		return NULL;
	if (array_resize(elf->symbols, elf->symbol_count + count))
		return &error_no_memory;
	for (size_t i = 1; i < count; i++) {
		struct elf_symbol *symbol = &elf->symbols[elf->symbol_count];
		Elf64_Sym raw;
		uint64_t offset;
		unsigned type;

		memcpy(&raw, bytes + i * sizeof(raw), sizeof(raw));
		type = ELF64_ST_TYPE(raw.st_info);
		if (raw.st_name >= names_size || !names[raw.st_name] || type == STT_SECTION || type == STT_FILE ||
		    type == STT_TLS || raw.st_shndx == SHN_ABS)
			continue;
		*symbol = (struct elf_symbol){
			.name = (const char *)names + raw.st_name,
			.address = raw.st_shndx == SHN_UNDEF ? 0 : raw.st_value,
			.size = raw.st_size,
			.type = (uint8_t)type,
			.binding = ELF64_ST_BIND(raw.st_info),
			.is_import = raw.st_shndx == SHN_UNDEF,
		};
		symbol->is_code = !symbol->is_import &&
				  (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
				  elf_file_offset(elf, symbol->address, true, &offset);
		cut_version((char *)names + raw.st_name);
		elf->symbol_count++;
	}
	return NULL;
}

static int rank(const struct elf_symbol *symbol)
{
	return (symbol->type == STT_NOTYPE ? 4 : 0) + (symbol->size == 0 ? 2 : 0) +
	       (symbol->binding == STB_LOCAL ? 1 : 0);
}

static int compare(const void *left, const void *right)
{
	const struct elf_symbol *a = left, *b = right;

	if (a->is_import != b->is_import)
		return a->is_import ? -1 : 1;
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	return strcmp(a->name, b->name);
}

static void drop_duplicates(struct elf_file *elf)
{
	size_t kept = 0;

	/* The same symbol in .symtab and .dynsym, or in the debug file. */
	for (size_t i = 0; i < elf->symbol_count; i++) {
		const struct elf_symbol *last = kept ? &elf->symbols[kept - 1] : NULL;

		if (last && last->is_import == elf->symbols[i].is_import && last->address == elf->symbols[i].address &&
		    strcmp(last->name, elf->symbols[i].name) == 0)
			continue;
		elf->symbols[kept++] = elf->symbols[i];
	}
	elf->symbol_count = kept;
}

struct error *elf_read_symbols(struct elf_file *elf)
{
	struct elf_content *files[] = {&elf->private_->file, &elf->private_->debug};

	for (size_t f = 0; f < array_size(files); f++) {
		for (size_t i = 0; i < files[f]->section_count; i++) {
			uint32_t type = files[f]->sections[i].sh_type;
			struct error *err;

			/* The debug file's .dynsym has no bytes. */
			if (type != SHT_SYMTAB && type != SHT_DYNSYM)
				continue;
			err = read_table(elf, files[f], i);
			if (err)
				return err;
			elf->has_symbol_table |= type == SHT_SYMTAB;
		}
	}
	return elf_index_symbols(elf);
}

struct error *elf_index_symbols(struct elf_file *elf)
{
	free(elf->code);
	elf->code = NULL;
	elf->code_count = 0;
	if (elf->symbol_count == 0)
		return NULL;
	qsort(elf->symbols, elf->symbol_count, sizeof(*elf->symbols), compare);
	drop_duplicates(elf);
	elf->code = calloc(elf->symbol_count, sizeof(*elf->code));
	if (!elf->code)
		return &error_no_memory;
	for (size_t i = 0; i < elf->symbol_count; i++) {
		if (elf->symbols[i].is_code)
			elf->code[elf->code_count++] = elf->symbols[i];
	}
	return NULL;
}

size_t elf_count_code_up_to(const struct elf_file *elf, uint64_t address)
{
	return array_count_up_to(elf->code, elf->code_count, address, address);
}

const struct elf_symbol *elf_symbol_at(const struct elf_file *elf, uint64_t address)
{
	size_t count = elf_count_code_up_to(elf, address);

	if (count == 0 || elf->code[count - 1].address != address)
		return NULL;
	while (count > 1 && elf->code[count - 2].address == address)
		count--;
	return &elf->code[count - 1];
}

const struct elf_symbol *elf_symbol_around(const struct elf_file *elf, uint64_t address)
{
	size_t count = elf_count_code_up_to(elf, address);

	for (size_t back = 0; back < NESTING_MAX && back < count; back++) {
		const struct elf_symbol *symbol = &elf->code[count - 1 - back];

		if (address - symbol->address < symbol->size)
			return elf_symbol_at(elf, symbol->address)->size == symbol->size
				       ? elf_symbol_at(elf, symbol->address)
				       : symbol;
	}
	return NULL;
}
