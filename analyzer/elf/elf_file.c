/* SPDX-License-Identifier: MIT */
/* Opening an ELF file: headers, sections, and the bytes at an address. */
#include "analyzer/elf/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/elf/elf_internal.h"
#include "analyzer/elf/elf_host.h"
#include "common/cleanup.h"

/* Of the sections that are read here (symbols, names, linkage tables, Go's function table) the largest have some 100
 * MiB. A sparse file can say that they have terabytes. */
#define SECTION_BYTES_MAX (1ULL << 30)

static const char *const default_debug_directories[] = {"/usr/lib/debug", NULL};

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386:
		return "32-bit x86";
	case EM_AARCH64:
		return "aarch64";
	case EM_ARM:
		return "32-bit ARM";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "64-bit PowerPC";
	case EM_S390:
		return "S/390";
	default:
		return NULL;
	}
}

/* Says why elf_image_init() refused the file. */
static struct error *refuse(const struct elf_image *image, const char *path)
{
	const Elf64_Ehdr *header = &image->header;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return error_format(ERROR_INVALID, "%s is not an ELF file", path);
	if (header->e_machine != EM_X86_64) {
		const char *name = machine_name(header->e_machine);

		return name ? error_format(ERROR_UNSUPPORTED, "%s is for %s; only x86-64 is supported", path, name)
			    : error_format(ERROR_UNSUPPORTED, "%s is for ELF machine %u; only x86-64 is supported",
					   path, header->e_machine);
	}
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return error_format(ERROR_UNSUPPORTED, "%s is 32-bit (x32) code; only x86-64 is supported", path);
	if (header->e_type == ET_CORE)
		return error_format(ERROR_INVALID, "%s is a core dump, not a program or library", path);
	if (header->e_type == ET_REL)
		return error_format(ERROR_INVALID, "%s is an object file that is not linked yet", path);
	return error_format(ERROR_INVALID, "%s is not a program or library", path);
}

static struct error *file_init(struct elf_content *file, int fd, const char *path)
{
	Elf64_Ehdr *header = &file->image.header;
	enum elf_image_kind kind;
	struct stat status;
	size_t bytes;

	*file = (struct elf_content){.image.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)};
	if (file->image.fd < 0 || fstat(fd, &status) != 0)
		return error_errno(errno, "cannot use %s", path);
	file->size = (uint64_t)status.st_size;
	kind = elf_image_init(&file->image);
	if (kind == ELF_IMAGE_ABSENT)
		return error_format(ERROR_INVALID, "%s is not an ELF file, or is cut short", path);
	if (kind == ELF_IMAGE_OTHER)
		return refuse(&file->image, path);
	bytes = header->e_shnum * sizeof(Elf64_Shdr);
	if (header->e_shnum == 0 || header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shoff > file->size ||
	    file->size - header->e_shoff < bytes)
		return NULL;
	file->sections = malloc(bytes);
	file->contents = calloc(header->e_shnum, sizeof(*file->contents));
	if (!file->sections || !file->contents)
		return &error_no_memory;
	if (pread(file->image.fd, file->sections, bytes, (off_t)header->e_shoff) != (ssize_t)bytes)
		return error_format(ERROR_SYSTEM, "cannot read the section headers of %s", path);
	file->section_count = header->e_shnum;
	file->names = header->e_shstrndx;
	return NULL;
}

static void file_deinit(struct elf_content *file)
{
	for (size_t i = 0; i < file->section_count; i++)
		free(file->contents[i]);
	free(file->contents);
	free(file->sections);
	elf_image_deinit(&file->image);
	if (file->image.fd >= 0)
		close(file->image.fd);
}

const uint8_t *elf_section_bytes(struct elf_content *file, uint64_t index, size_t *ret_size)
{
	const Elf64_Shdr *section;

	if (ret_size)
		*ret_size = 0;
	if (index >= file->section_count)
		return NULL;
	section = &file->sections[index];
	if (section->sh_type == SHT_NOBITS || section->sh_offset > file->size ||
	    section->sh_size > file->size - section->sh_offset || section->sh_size > SECTION_BYTES_MAX)
		return NULL;
	if (!file->contents[index]) {
		uint8_t *bytes = malloc(section->sh_size + 1);

		if (!bytes || pread(file->image.fd, bytes, section->sh_size, (off_t)section->sh_offset) !=
				      (ssize_t)section->sh_size) {
			free(bytes);
			return NULL;
		}
		bytes[section->sh_size] = 0;
		file->contents[index] = bytes;
	}
	if (ret_size)
		*ret_size = section->sh_size;
	return file->contents[index];
}

const char *elf_section_name(struct elf_content *file, size_t index)
{
	size_t size;
	const uint8_t *names = elf_section_bytes(file, file->names, &size);

	return names && file->sections[index].sh_name < size ? (const char *)names + file->sections[index].sh_name : "";
}

/* Where a separate debug file is looked for. */
struct debug_search {
	struct elf_host *host;
	const char *const *directories;
	int fd; /* it was found already, or (-1) there is none; then the rest does not matter */
	bool is_known;
};

/* Takes the debug file behind `fd` if it has the same build-id. */
static bool take_debug_file(struct elf_file *elf, int fd, const char *path, const uint8_t *build_id, size_t length)
{
	struct elf_content *debug = &elf->private_->debug;
	struct error *err = file_init(debug, fd, path);
	uint8_t other[64];

	if (!err && elf_image_read_build_id(&debug->image, 0, other) == length &&
	    memcmp(build_id, other, length) == 0) {
		elf->has_debug_file = true;
		return true;
	}
	error_destroy(err);
	file_deinit(debug);
	*debug = (struct elf_content){.image.fd = -1};
	return false;
}

/* Takes the separate debug file of the same build-id, if there is one. */
static void find_debug_file(struct elf_file *elf, const struct debug_search *search)
{
	const char *const *directories = search->directories ? search->directories : default_debug_directories;
	char hex[129], path[4096];
	uint8_t build_id[64];
	size_t length = elf_image_read_build_id(&elf->private_->file.image, 0, build_id);
	bool found = false;

	for (size_t i = 0; i < length; i++)
		snprintf(hex + 2 * i, 3, "%02x", build_id[i]);
	if (search->is_known) {
		if (length > 1 && search->fd >= 0)
			take_debug_file(elf, search->fd, elf->path, build_id, length);
		return;
	}
	for (; length > 1 && *directories && !found; directories++) {
		int fd;

		snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", *directories, hex, hex + 2);
		fd = elf_host_open(search->host, path, NULL);
		if (fd < 0)
			continue;
		found = take_debug_file(elf, fd, path, build_id, length);
		close(fd);
		if (found)
			elf_host_keep(search->host, path);
	}
}

static bool has_program(const struct elf_image *image, uint32_t type)
{
	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		if (image->program_headers[i].p_type == type)
			return true;
	}
	return false;
}

/* Its headers, and nothing read from its tables. */
static struct error *open_headers(int fd, const char *path, struct elf_file **ret)
{
	struct elf_file *elf = calloc(1, sizeof(*elf));
	struct error *err;

	*ret = NULL;
	if (elf)
		elf->private_ = calloc(1, sizeof(*elf->private_));
	if (!elf || !elf->private_) {
		free(elf);
		return &error_no_memory;
	}
	elf->private_->file.image.fd = elf->private_->debug.image.fd = -1;
	elf->private_->path = strdup(path);
	elf->path = elf->private_->path;
	err = elf->path ? file_init(&elf->private_->file, fd, path) : &error_no_memory;
	if (err) {
		elf_destroy(elf);
		return err;
	}
	elf->machine = elf->private_->file.image.header.e_machine;
	/* A library can have an interpreter too (libc.so.6 does, to print its version): then it has a soname, which
	 * elf_read_linkage() looks at. */
	elf->is_executable = elf->private_->file.image.header.e_type == ET_EXEC ||
			     has_program(&elf->private_->file.image, PT_INTERP);
	*ret = elf;
	return NULL;
}

static struct error *open_elf(int fd, const char *path, const struct debug_search *search, struct elf_file **ret)
{
	struct elf_file *elf;
	struct error *err = open_headers(fd, path, &elf);

	*ret = NULL;
	if (err)
		return err;
	find_debug_file(elf, search);
	err = elf_read_symbols(elf) ?: elf_read_linkage(elf);
	if (!err && !elf->has_symbol_table)
		err = elf_read_go_functions(elf);
	if (err)
		elf_destroy(elf);
	else
		*ret = elf;
	return err;
}

bool elf_find_frame_in(int fd, const char *path, uint64_t address, uint64_t *ret_start, uint64_t *ret_end)
{
	struct elf_file *elf;
	struct error *err = open_headers(fd, path, &elf);
	bool found;

	if (err) {
		error_destroy(err);
		return false;
	}
	found = elf_find_frame(elf, address, ret_start, ret_end);
	elf_destroy(elf);
	return found;
}

struct error *elf_open(int fd, const char *path, const char *const *debug_directories, struct elf_file **ret)
{
	return open_elf(fd, path, &(struct debug_search){.directories = debug_directories}, ret);
}

struct error *elf_open_with_debug(int fd, int debug_fd, const char *path, struct elf_file **ret)
{
	return open_elf(fd, path, &(struct debug_search){.fd = debug_fd, .is_known = true}, ret);
}

struct error *elf_open_path_of(struct elf_host *host, const char *path, struct elf_file **ret)
{
	cleanup_fd int fd = elf_host_open(host, path, NULL);
	struct error *err;

	*ret = NULL;
	if (fd == -EINVAL)
		return error_format(ERROR_INVALID, "%s is not a regular file", path);
	if (fd < 0)
		return error_errno(-fd, "cannot open %s", path);
	err = open_elf(fd, path, &(struct debug_search){.host = host}, ret);
	if (!err)
		elf_host_keep(host, path);
	return err;
}

struct error *elf_open_path(const char *path, struct elf_file **ret)
{
	return elf_open_path_of(NULL, path, ret);
}

size_t elf_read_build_id(int fd, uint8_t ret_build_id[64])
{
	struct elf_image image = {.fd = fd};
	size_t length = 0;

	if (elf_image_init(&image) == ELF_IMAGE_ELF)
		length = elf_image_read_build_id(&image, 0, ret_build_id);
	elf_image_deinit(&image);
	return length;
}

void elf_destroy(struct elf_file *elf)
{
	if (!elf)
		return;
	file_deinit(&elf->private_->file);
	file_deinit(&elf->private_->debug);
	free(elf->private_->path);
	free(elf->private_->interpreter);
	free(elf->private_);
	free(elf->needed);
	free(elf->symbols);
	free(elf->code);
	free(elf->slots);
	free(elf);
}
