/* SPDX-License-Identifier: MIT */
/* What the dynamic linker will do with an ELF file, and the extents of functions in its unwinding tables. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/elf/elf_internal.h"
#include "common/vector.h"

/* As the kernel bounds it (fs/binfmt_elf.c: PATH_MAX). */
#define INTERPRETER_BYTES_MAX 4096

static const char *string_at(struct elf_content *file, uint64_t section, uint64_t offset)
{
	size_t size;
	const uint8_t *strings = elf_section_bytes(file, section, &size);

	return strings && offset < size && strings[offset] ? (const char *)strings + offset : NULL;
}

static struct error *read_dynamic(struct elf_file *elf, size_t index)
{
	struct elf_content *file = &elf->private_->file;
	size_t size;
	const uint8_t *bytes = elf_section_bytes(file, index, &size);
	uint64_t strings = file->sections[index].sh_link;

	for (size_t at = 0; bytes && size - at >= sizeof(Elf64_Dyn); at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn entry;
		const char *text;

		memcpy(&entry, bytes + at, sizeof(entry));
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_FLAGS_1) {
			elf->is_executable |= (entry.d_un.d_val & DF_1_PIE) != 0;
			elf->no_default_libraries |= (entry.d_un.d_val & DF_1_NODEFLIB) != 0;
		}
		if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_SONAME && entry.d_tag != DT_RPATH &&
		    entry.d_tag != DT_RUNPATH)
			continue;
		text = string_at(file, strings, entry.d_un.d_val);
		if (entry.d_tag == DT_NEEDED && text) {

			if (array_resize(elf->needed, elf->needed_count + 1))
				return &error_no_memory;
			elf->needed[elf->needed_count++] = text;
		} else if (entry.d_tag == DT_SONAME) {
			elf->soname = text;
		} else if (entry.d_tag == DT_RPATH) {
			elf->rpath = text;
		} else if (entry.d_tag == DT_RUNPATH) {
			elf->runpath = text;
		}
	}
	elf->is_dynamic = elf->needed_count > 0;
	return NULL;
}

static const char *dynamic_symbol_name(struct elf_content *file, uint64_t table, uint64_t number)
{
	size_t size;
	const uint8_t *bytes = elf_section_bytes(file, table, &size);
	Elf64_Sym symbol;

	if (!bytes || number == 0 || number >= size / sizeof(symbol))
		return NULL;
	memcpy(&symbol, bytes + number * sizeof(symbol), sizeof(symbol));
	return string_at(file, file->sections[table].sh_link, symbol.st_name);
}

static struct error *read_relocations(struct elf_file *elf, size_t index)
{
	struct elf_content *file = &elf->private_->file;
	size_t size, count;
	const uint8_t *bytes = elf_section_bytes(file, index, &size);

	count = size / sizeof(Elf64_Rela);
	if (!bytes || count == 0)
		return NULL;
	if (array_resize(elf->slots, elf->slot_count + count))
		return &error_no_memory;
	for (size_t i = 0; i < count; i++) {
		struct elf_slot *slot = &elf->slots[elf->slot_count];
		const struct elf_symbol *resolver;
		Elf64_Rela rela;

		memcpy(&rela, bytes + i * sizeof(rela), sizeof(rela));
		*slot = (struct elf_slot){.address = rela.r_offset, .target = (uint64_t)rela.r_addend};
		switch (ELF64_R_TYPE(rela.r_info)) {
		case R_X86_64_JUMP_SLOT:
		case R_X86_64_GLOB_DAT:
		case R_X86_64_64:
			slot->name = dynamic_symbol_name(file, file->sections[index].sh_link, ELF64_R_SYM(rela.r_info));
			if (!slot->name)
				continue;
			break;
		case R_X86_64_IRELATIVE:
			/* Points to what the resolver at the addend picks; the resolver bears the function's name. */
			resolver = elf_symbol_at(elf, slot->target);
			if (!resolver)
				continue;
			slot->name = resolver->name;
			break;
		case R_X86_64_RELATIVE:
			break;
		default:
			continue;
		}
		elf->slot_count++;
	}
	return NULL;
}

static int slot_compare(const void *left, const void *right)
{
	const struct elf_slot *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

static struct error *read_interpreter(struct elf_file *elf)
{
	const struct elf_image *image = &elf->private_->file.image;
	char path[INTERPRETER_BYTES_MAX];

	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];

		if (program->p_type != PT_INTERP || program->p_filesz < 2 || program->p_filesz > sizeof(path) ||
		    program->p_offset > INT64_MAX ||
		    pread(image->fd, path, program->p_filesz, (off_t)program->p_offset) != (ssize_t)program->p_filesz ||
		    path[program->p_filesz - 1] != 0)
			continue;
		elf->interpreter = elf->private_->interpreter = strdup(path);
		return elf->interpreter ? NULL : &error_no_memory;
	}
	return NULL;
}

struct error *elf_read_linkage(struct elf_file *elf)
{
	struct elf_content *file = &elf->private_->file;

	for (size_t i = 0; i < file->section_count; i++) {
		struct error *err = NULL;

		if (file->sections[i].sh_type == SHT_DYNAMIC)
			err = read_dynamic(elf, i);
		else if (file->sections[i].sh_type == SHT_RELA && file->sections[i].sh_flags & SHF_ALLOC)
			err = read_relocations(elf, i);
		if (err)
			return err;
	}
	if (elf->slot_count > 0)
		qsort(elf->slots, elf->slot_count, sizeof(*elf->slots), slot_compare);
	if (elf->soname)
		elf->is_executable = false;
	return read_interpreter(elf);
}

const struct elf_slot *elf_find_slot(const struct elf_file *elf, uint64_t address)
{
	const struct elf_slot key = {.address = address};

	return elf->slot_count ? bsearch(&key, elf->slots, elf->slot_count, sizeof(key), slot_compare) : NULL;
}

/* Only the encodings that GNU ld, gold, lld and mold write: a sorted table of pairs of 32-bit offsets from the start of
 * the section, and entries whose first field is relative to itself (Linux Standard Base, "Exception Frames";
 * DW_EH_PE_* there). */
#define TABLE_DATAREL_SDATA4 0x3b
#define HEADER_PCREL_SDATA4 0x1b
#define COUNT_UDATA4 0x03

static int32_t read_offset(const struct elf_file *elf, uint64_t address, bool *ok)
{
	int32_t value = 0;

	*ok = *ok && elf_read(elf, address, &value, sizeof(value)) == sizeof(value);
	return value;
}

bool elf_find_frame(const struct elf_file *elf, uint64_t address, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct elf_image *image = &elf->private_->file.image;
	const Elf64_Phdr *program = NULL;
	uint64_t base, table, low = 0, high, entry, start;
	uint32_t length;
	uint8_t header[4];
	bool ok = true;

	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		if (image->program_headers[i].p_type == PT_GNU_EH_FRAME)
			program = &image->program_headers[i];
	}
	if (!program || elf_read(elf, program->p_vaddr, header, sizeof(header)) != sizeof(header) || header[0] != 1 ||
	    header[1] != HEADER_PCREL_SDATA4 || header[2] != COUNT_UDATA4 || header[3] != TABLE_DATAREL_SDATA4)
		return false;
	base = program->p_vaddr;
	high = (uint32_t)read_offset(elf, base + 8, &ok);
	table = base + 12;
	if (high > program->p_filesz / 8)
		return false;
	/* The last entry that starts at or below the address. */
	while (ok && low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (base + (uint64_t)(int64_t)read_offset(elf, table + middle * 8, &ok) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!ok || low == 0)
		return false;
	start = base + (uint64_t)(int64_t)read_offset(elf, table + (low - 1) * 8, &ok);
	entry = base + (uint64_t)(int64_t)read_offset(elf, table + (low - 1) * 8 + 4, &ok);
	/* Length, pointer to the common entry, start, extent. That the start is the one of the table shows that its
	 * encoding is the supposed one. */
	length = (uint32_t)read_offset(elf, entry, &ok);
	if (!ok || length < 12 || length == UINT32_MAX ||
	    entry + 8 + (uint64_t)(int64_t)read_offset(elf, entry + 8, &ok) != start)
		return false;
	*ret_start = start;
	*ret_end = start + (uint32_t)read_offset(elf, entry + 12, &ok);
	return ok && *ret_end > start && address < *ret_end;
}
