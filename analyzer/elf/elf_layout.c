/* SPDX-License-Identifier: MIT */
/* What lies where in an ELF file: segments and sections, by address, by offset and by name. */
#include <string.h>
#include <unistd.h>

#include "analyzer/elf/elf_internal.h"

bool elf_file_offset(const struct elf_file *elf, uint64_t address, bool executable, uint64_t *ret_offset)
{
	const struct elf_image *image = &elf->private_->file.image;

	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];

		if (program->p_type != PT_LOAD || address < program->p_vaddr ||
		    address - program->p_vaddr >= program->p_filesz || (executable && !(program->p_flags & PF_X)))
			continue;
		*ret_offset = program->p_offset + (address - program->p_vaddr);
		return true;
	}
	return false;
}

bool elf_address_of_offset(const struct elf_file *elf, uint64_t offset, uint64_t *ret_address)
{
	const struct elf_image *image = &elf->private_->file.image;

	for (int executable = 1; executable >= 0; executable--) {
		for (unsigned i = 0; i < image->header.e_phnum; i++) {
			const Elf64_Phdr *program = &image->program_headers[i];

			if (program->p_type != PT_LOAD || offset < program->p_offset ||
			    offset - program->p_offset >= program->p_filesz ||
			    (executable && !(program->p_flags & PF_X)))
				continue;
			*ret_address = program->p_vaddr + (offset - program->p_offset);
			return true;
		}
	}
	return false;
}

size_t elf_read(const struct elf_file *elf, uint64_t address, void *buffer, size_t size)
{
	const struct elf_image *image = &elf->private_->file.image;

	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];
		uint64_t skip = address - program->p_vaddr, offset;
		ssize_t length;

		if (program->p_type != PT_LOAD || address < program->p_vaddr || skip >= program->p_filesz ||
		    __builtin_add_overflow(program->p_offset, skip, &offset) || offset > INT64_MAX)
			continue;
		if (size > program->p_filesz - skip)
			size = program->p_filesz - skip;
		length = pread(image->fd, buffer, size, (off_t)offset);
		return length > 0 ? (size_t)length : 0;
	}
	return 0;
}

static const Elf64_Shdr *section_of(const struct elf_file *elf, uint64_t address)
{
	const struct elf_content *file = &elf->private_->file;

	for (size_t i = 0; i < file->section_count; i++) {
		if ((file->sections[i].sh_flags & (SHF_ALLOC | SHF_TLS)) == SHF_ALLOC &&
		    address >= file->sections[i].sh_addr &&
		    address - file->sections[i].sh_addr < file->sections[i].sh_size)
			return &file->sections[i];
	}
	return NULL;
}

const char *elf_section_of(const struct elf_file *elf, uint64_t address)
{
	const Elf64_Shdr *section = section_of(elf, address);
	struct elf_content *file = &elf->private_->file;

	return section ? elf_section_name(file, (size_t)(section - file->sections)) : NULL;
}

bool elf_find_relro(const struct elf_file *elf, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct elf_image *image = &elf->private_->file.image;

	for (size_t i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];

		if (program->p_type != PT_GNU_RELRO || program->p_vaddr + program->p_memsz < program->p_vaddr)
			continue;
		*ret_start = program->p_vaddr;
		*ret_end = program->p_vaddr + program->p_memsz;
		return true;
	}
	return false;
}

const uint8_t *elf_section_called(const struct elf_file *elf, const char *name, uint64_t *ret_address, size_t *ret_size)
{
	struct elf_content *file = &elf->private_->file;

	for (size_t i = 0; i < file->section_count; i++) {
		const uint8_t *bytes;

		if (strcmp(elf_section_name(file, i), name) != 0)
			continue;
		bytes = elf_section_bytes(file, i, ret_size);
		*ret_address = file->sections[i].sh_addr;
		if (bytes)
			return bytes;
	}
	return NULL;
}

const char *elf_has_section(const struct elf_file *elf, const char *const *names)
{
	struct elf_content *file = &elf->private_->file;

	for (size_t i = 0; i < file->section_count; i++) {
		const char *name = elf_section_name(file, i);

		for (const char *const *wanted = names; *wanted; wanted++) {
			if (strcmp(name, *wanted) == 0)
				return *wanted;
		}
	}
	return NULL;
}

uint64_t elf_next_start(const struct elf_file *elf, uint64_t address)
{
	const struct elf_image *image = &elf->private_->file.image;
	const Elf64_Shdr *section = section_of(elf, address);
	uint64_t end = section ? section->sh_addr + section->sh_size : 0;
	size_t next = elf_count_code_up_to(elf, address);

	for (unsigned i = 0; i < image->header.e_phnum && !end; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];

		if (program->p_type == PT_LOAD && address >= program->p_vaddr &&
		    address - program->p_vaddr < program->p_filesz)
			end = program->p_vaddr + program->p_filesz;
	}
	return next < elf->code_count && elf->code[next].address < end ? elf->code[next].address : end;
}
