/* SPDX-License-Identifier: MIT */
#include "analyzer/elf/elf_image.h"

#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define PAGE_BYTES 4096u
/* Real ones are a few hundred bytes. */
#define NOTES_BYTES_MAX 65536u

/* Reads at a file offset; from memory only where the file's first bytes are mapped. */
static bool image_read(const struct elf_image *image, uint64_t offset, void *buffer, size_t size)
{
	if (image->read_memory)
		return image->base + offset >= offset &&
		       image->read_memory(image->memory, image->base + offset, buffer, size) == size;
	return offset <= INT64_MAX && pread(image->fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

enum elf_image_kind elf_image_init(struct elf_image *image)
{
	Elf64_Ehdr *header = &image->header;
	size_t size;

	image->program_headers = NULL;
	if (!image_read(image, 0, header, sizeof(*header)))
		return ELF_IMAGE_ABSENT;
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_machine != EM_X86_64 ||
	    (header->e_type != ET_EXEC && header->e_type != ET_DYN))
		return ELF_IMAGE_OTHER;
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 || header->e_phnum == PN_XNUM)
		return ELF_IMAGE_OTHER;
	size = header->e_phnum * sizeof(Elf64_Phdr);
	image->program_headers = malloc(size);
	if (!image->program_headers || !image_read(image, header->e_phoff, image->program_headers, size)) {
		elf_image_deinit(image);
		return ELF_IMAGE_ABSENT;
	}
	return ELF_IMAGE_ELF;
}

void elf_image_deinit(struct elf_image *image)
{
	free(image->program_headers);
	image->program_headers = NULL;
}

bool elf_image_find_bias(const struct elf_image *image, uint64_t address, uint64_t offset, uint64_t *ret_bias)
{
	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];
		uint64_t first = program->p_offset & ~(uint64_t)(PAGE_BYTES - 1);

		if (program->p_type != PT_LOAD || offset < first || offset - first >= program->p_filesz + PAGE_BYTES)
			continue;
		*ret_bias = address - offset + program->p_offset - program->p_vaddr;
		return true;
	}
	return false;
}

uint64_t elf_image_end(const struct elf_image *image)
{
	uint64_t highest = 0;

	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];
		uint64_t end;

		if (program->p_type != PT_LOAD || __builtin_add_overflow(program->p_vaddr, program->p_memsz, &end) ||
		    __builtin_add_overflow(end, PAGE_BYTES - 1, &end))
			continue;
		end &= ~(uint64_t)(PAGE_BYTES - 1);
		if (end > highest)
			highest = end;
	}
	return highest;
}

/* Looks through notes whose names and contents are padded to `align` bytes (4 or 8, gABI "Note Section"). */
static size_t find_build_id(const uint8_t *notes, size_t size, size_t align, uint8_t build_id[64])
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr header;
		uint64_t data, next;

		memcpy(&header, notes + at, sizeof(header));
		data = (at + sizeof(header) + header.n_namesz + align - 1) & ~(uint64_t)(align - 1);
		next = (data + header.n_descsz + align - 1) & ~(uint64_t)(align - 1);
		if (data + header.n_descsz > size)
			return 0;
		if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof("GNU") &&
		    memcmp(notes + at + sizeof(header), "GNU", sizeof("GNU")) == 0 && header.n_descsz >= 2 &&
		    header.n_descsz <= 64) {
			memcpy(build_id, notes + data, header.n_descsz);
			return header.n_descsz;
		}
		if (next > size)
			return 0;
		at = next;
	}
	return 0;
}

static size_t read_notes(const struct elf_image *image, uint64_t place, uint64_t size, uint64_t align,
			 uint8_t build_id[64])
{
	uint8_t small[1024];
	cleanup_free uint8_t *large = NULL;
	uint8_t *notes = small;

	if (size == 0 || size > NOTES_BYTES_MAX)
		return 0;
	if (size > sizeof(small) && !(notes = large = malloc(size)))
		return 0;
	if (image->read_memory ? image->read_memory(image->memory, place, notes, size) != size
			       : !image_read(image, place, notes, size))
		return 0;
	return find_build_id(notes, size, align == 8 ? 8 : 4, build_id);
}

/* Separate debug files keep their notes, but program headers in them need not be true (objcopy(1),
 * --only-keep-debug), so the section headers are asked as well. */
static size_t read_section_notes(const struct elf_image *image, uint8_t build_id[64])
{
	const Elf64_Ehdr *header = &image->header;
	cleanup_free Elf64_Shdr *sections = NULL;
	size_t size = header->e_shnum * sizeof(*sections);

	if (header->e_shnum == 0 || header->e_shentsize != sizeof(*sections))
		return 0;
	sections = malloc(size);
	if (!sections || !image_read(image, header->e_shoff, sections, size))
		return 0;
	for (unsigned i = 0; i < header->e_shnum; i++) {
		size_t length;

		if (sections[i].sh_type != SHT_NOTE)
			continue;
		length = read_notes(image, sections[i].sh_offset, sections[i].sh_size, sections[i].sh_addralign,
				    build_id);
		if (length > 0)
			return length;
	}
	return 0;
}

size_t elf_image_read_build_id(const struct elf_image *image, uint64_t bias, uint8_t build_id[64])
{
	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];
		size_t length;

		if (program->p_type != PT_NOTE)
			continue;
		length = read_notes(image, image->read_memory ? bias + program->p_vaddr : program->p_offset,
				    program->p_filesz, program->p_align, build_id);
		if (length > 0)
			return length;
	}
	return image->read_memory ? 0 : read_section_notes(image, build_id);
}
