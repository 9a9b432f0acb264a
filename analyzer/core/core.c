/* SPDX-License-Identifier: MIT */
#include "analyzer/core/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "analyzer/elf/elf_host.h"
#include "analyzer/core/core_internal.h"
#include "common/cleanup.h"

static int open_regular_file(const char *path, uint64_t *ret_size)
{
	struct elf_host_facts facts;
	int fd = elf_host_open(NULL, path, &facts);

	if (fd >= 0)
		*ret_size = facts.bytes;
	return fd;
}

static struct error *core_map_file(struct core *core)
{
	struct core_private *private = core->private_;
	cleanup_fd int fd = -1;
	uint64_t size;
	void *bytes;

	fd = open_regular_file(core->path, &size);
	if (fd == -EINVAL)
		return error_format(ERROR_INVALID, "%s: not a core file: not a regular file", core->path);
	if (fd < 0)
		return error_errno(-fd, "cannot open %s", core->path);
	if (size == 0)
		return error_format(ERROR_INVALID, "%s: not a core file: it is empty", core->path);
	bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (bytes == MAP_FAILED)
		return error_errno(errno, "cannot map %s", core->path);
	private->bytes = bytes;
	private->size = size;
	private->fd = take_fd(&fd);
	return NULL;
}

static const char *machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_X86_64:
		return "x86-64";
	case EM_ARM:
		return "arm";
	case EM_AARCH64:
		return "aarch64";
	case EM_RISCV:
		return "riscv";
	case EM_PPC:
		return "ppc";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	case EM_MIPS:
		return "mips";
	case EM_LOONGARCH:
		return "loongarch";
	case EM_SPARCV9:
		return "sparc64";
	default:
		return NULL;
	}
}

static uint16_t read_half(const uint8_t *bytes, bool big_endian)
{
	return big_endian ? (uint16_t)(bytes[0] << 8 | bytes[1]) : (uint16_t)(bytes[1] << 8 | bytes[0]);
}

/* e_type and e_machine have the same place in every class of ELF, so a core of any machine can be named. */
static struct error *core_check_identity(struct core *core)
{
	const uint8_t *bytes = core->private_->bytes;
	size_t size = core->private_->size;
	bool big_endian, narrow;
	uint16_t type, machine;
	const char *name;
	char number[16];

	if (size < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0) {
		/* The magic number of zstd, in which systemd-coredump stores cores. */
		if (size >= 4 && memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0)
			return error_format(ERROR_INVALID, "%s: compressed with zstd; unpack it first", core->path);
		return error_format(ERROR_INVALID, "%s: not a core file: not an ELF file", core->path);
	}
	if (size < offsetof(Elf64_Ehdr, e_version))
		return error_format(ERROR_INVALID, "%s: truncated in its ELF header", core->path);
	if ((bytes[EI_CLASS] != ELFCLASS32 && bytes[EI_CLASS] != ELFCLASS64) ||
	    (bytes[EI_DATA] != ELFDATA2LSB && bytes[EI_DATA] != ELFDATA2MSB))
		return error_format(ERROR_INVALID, "%s: ELF header with an unknown class or byte order", core->path);
	narrow = bytes[EI_CLASS] == ELFCLASS32;
	big_endian = bytes[EI_DATA] == ELFDATA2MSB;
	type = read_half(bytes + offsetof(Elf64_Ehdr, e_type), big_endian);
	machine = read_half(bytes + offsetof(Elf64_Ehdr, e_machine), big_endian);
	core->machine = machine;
	if (type != ET_CORE)
		return error_format(ERROR_INVALID, "%s: not a core file: %s", core->path,
				    type == ET_EXEC || type == ET_DYN ? "an ELF program or library"
				    : type == ET_REL		      ? "an ELF object file"
								      : "an ELF file of another type");
	if (!narrow && !big_endian && machine == EM_X86_64)
		return NULL;
	name = machine_name(machine);
	if (!name) {
		snprintf(number, sizeof(number), "machine %u", machine);
		name = number;
	}
	return error_format(ERROR_UNSUPPORTED, "%s: a core of %s (%s-bit, %s-endian); only x86-64 is supported",
			    core->path, name, narrow ? "32" : "64", big_endian ? "big" : "little");
}

/* With 65535 program headers or more their number is in the first section header (elf(5), PN_XNUM), which the kernel
 * writes at the very end of the core. In a core that is cut short, the number still follows from the place of the first
 * note: fs/binfmt_elf.c writes the notes right after the program headers, and PT_NOTE first. */
static struct error *core_count_program_headers(const struct core *core, const Elf64_Ehdr *header, uint64_t *ret_count)
{
	const struct core_private *private = core->private_;
	Elf64_Shdr section;
	Elf64_Phdr first;

	*ret_count = header->e_phnum;
	if (header->e_phnum != PN_XNUM)
		return NULL;
	if (header->e_shoff != 0 && header->e_shoff <= private->size &&
	    private->size - header->e_shoff >= sizeof(section)) {
		memcpy(&section, private->bytes + header->e_shoff, sizeof(section));
		*ret_count = section.sh_info;
		if (section.sh_info >= PN_XNUM)
			return NULL;
		return error_format(ERROR_INVALID, "%s: its section header has a wrong number of program headers",
				    core->path);
	}
	if (header->e_shoff != 0 && header->e_phoff <= private->size &&
	    private->size - header->e_phoff >= sizeof(first)) {
		memcpy(&first, private->bytes + header->e_phoff, sizeof(first));
		if (first.p_type == PT_NOTE && first.p_offset > header->e_phoff &&
		    (first.p_offset - header->e_phoff) % sizeof(first) == 0) {
			*ret_count = (first.p_offset - header->e_phoff) / sizeof(first);
			return NULL;
		}
	}
	return error_format(ERROR_INVALID, "%s: the section header with the number of program headers is missing",
			    core->path);
}

struct load {
	struct core_segment segment;
	uint64_t promised_bytes;
};

static int load_compare(const void *left, const void *right)
{
	const struct load *a = left, *b = right;

	return a->segment.start < b->segment.start ? -1 : a->segment.start > b->segment.start;
}

/* How much of [offset, offset + size) the file has; what it lacks is counted. */
static struct error *core_clip(struct core *core, uint64_t offset, uint64_t size, uint64_t *ret_present)
{
	uint64_t file_size = core->private_->size;
	uint64_t available = offset < file_size ? file_size - offset : 0;

	if (offset + size < offset)
		return error_format(ERROR_INVALID, "%s: a program header reaches past the largest file offset",
				    core->path);
	*ret_present = size < available ? size : available;
	if (*ret_present < size) {
		uint64_t missing = size - *ret_present;

		core->truncated = true;
		core->missing_bytes =
			core->missing_bytes + missing < missing ? UINT64_MAX : core->missing_bytes + missing;
	}
	return NULL;
}

static struct error *core_store_segments(struct core *core, struct load *loads, size_t count)
{
	qsort(loads, count, sizeof(*loads), load_compare);
	for (size_t i = 1; i < count; i++) {
		if (loads[i].segment.start < loads[i - 1].segment.end)
			return error_format(ERROR_INVALID, "%s: its segments overlap at 0x%llx", core->path,
					    (unsigned long long)loads[i].segment.start);
	}
	core->segments = calloc(count ? count : 1, sizeof(*core->segments));
	core->private_->promised_bytes = calloc(count ? count : 1, sizeof(*core->private_->promised_bytes));
	if (!core->segments || !core->private_->promised_bytes)
		return &error_no_memory;
	for (size_t i = 0; i < count; i++) {
		core->segments[i] = loads[i].segment;
		core->private_->promised_bytes[i] = loads[i].promised_bytes;
	}
	core->segment_count = count;
	return NULL;
}

static struct error *core_read_load(struct core *core, const Elf64_Phdr *header, struct load *load)
{
	uint64_t present;
	struct error *err;

	if (header->p_vaddr + header->p_memsz < header->p_vaddr)
		return error_format(ERROR_INVALID, "%s: the segment at 0x%llx wraps around the address space",
				    core->path, (unsigned long long)header->p_vaddr);
	if (header->p_filesz > header->p_memsz)
		return error_format(ERROR_INVALID, "%s: the segment at 0x%llx has more bytes than it has memory",
				    core->path, (unsigned long long)header->p_vaddr);
	err = core_clip(core, header->p_offset, header->p_filesz, &present);
	if (err)
		return err;
	*load = (struct load){
		.segment = {.start = header->p_vaddr,
			    .end = header->p_vaddr + header->p_memsz,
			    .file_offset = header->p_offset,
			    .dumped_bytes = present,
			    .flags = header->p_flags},
		.promised_bytes = header->p_filesz,
	};
	return NULL;
}

static struct error *core_read_program_headers(struct core *core)
{
	const struct core_private *private = core->private_;
	cleanup_free struct load *loads = NULL;
	size_t load_count = 0;
	bool has_notes = false;
	uint64_t count, notes_missing = 0, notes_bytes = 0;
	struct error *err;
	Elf64_Ehdr header;

	if (private->size < sizeof(header))
		return error_format(ERROR_INVALID, "%s: truncated in its ELF header", core->path);
	memcpy(&header, private->bytes, sizeof(header));
	if (header.e_phnum == 0)
		return error_format(ERROR_INVALID, "%s: a core without program headers", core->path);
	if (header.e_phentsize != sizeof(Elf64_Phdr))
		return error_format(ERROR_INVALID, "%s: program headers of %u bytes", core->path, header.e_phentsize);
	err = core_count_program_headers(core, &header, &count);
	if (err)
		return err;
	if (header.e_phoff > private->size || (private->size - header.e_phoff) / sizeof(Elf64_Phdr) < count)
		return error_format(ERROR_INVALID, "%s: truncated before its notes: the table of segments is cut",
				    core->path);
	if (count > CORE_MAPPINGS_MAX)
		return error_format(ERROR_INVALID, "%s: %llu program headers: no process has that many mappings",
				    core->path, (unsigned long long)count);
	loads = calloc(count, sizeof(*loads));
	if (!loads)
		return &error_no_memory;
	for (uint64_t i = 0; i < count; i++) {
		Elf64_Phdr program;
		uint64_t present;

		memcpy(&program, private->bytes + header.e_phoff + i * sizeof(program), sizeof(program));
		if (program.p_type == PT_LOAD && program.p_memsz > 0) {
			err = core_read_load(core, &program, &loads[load_count++]);
		} else if (program.p_type == PT_NOTE) {
			has_notes = true;
			err = core_clip(core, program.p_offset, program.p_filesz, &present);
			notes_missing += !err && present < program.p_filesz;
			/* Many headers that all name the same bytes would be read again and again. */
			if (!err && present > 0 && present <= private->size - notes_bytes) {
				notes_bytes += present;
				err = core_read_notes(core, private->bytes + program.p_offset, present);
			}
		}
		if (err)
			return err;
	}
	core_finish_notes(core);
	if (core->thread_count == 0) {
		return error_format(ERROR_INVALID, "%s: %s", core->path,
				    notes_missing ? "truncated before its notes"
				    : has_notes	  ? "its notes name no thread"
						  : "a core without notes");
	}
	return core_store_segments(core, loads, load_count);
}

struct error *core_open(const char *path, struct core **ret_core)
{
	struct core *core = calloc(1, sizeof(*core));
	struct error *err;

	if (!core)
		return &error_no_memory;
	core->private_ = calloc(1, sizeof(*core->private_));
	if (core->private_)
		core->private_->fd = -1;
	if (!core->private_ || !(core->private_->path = strdup(path))) {
		core_destroy(core);
		return &error_no_memory;
	}
	core->path = core->private_->path;
	err = core_map_file(core) ?: core_check_identity(core) ?: core_read_program_headers(core)
		      ?: core_find_linked_files(core);
	if (err) {
		core_destroy(core);
		return err;
	}
	*ret_core = core;
	return NULL;
}

void core_destroy(struct core *core)
{
	if (!core)
		return;
	for (size_t i = 0; i < core->module_count; i++) {
		cleanup_close_fd(&core->modules[i].elf_fd);
		cleanup_close_fd(&core->modules[i].debug_fd);
	}
	free(core->modules);
	free(core->files);
	free(core->threads);
	free(core->segments);
	if (core->private_) {
		if (core->private_->bytes)
			munmap((void *)core->private_->bytes, core->private_->size);
		cleanup_close_fd(&core->private_->fd);
		free(core->private_->promised_bytes);
		free(core->private_->file_paths);
		for (size_t i = 0; i < core->private_->linked_path_count; i++)
			free(core->private_->linked_paths[i]);
		free(core->private_->linked_paths);
		free(core->private_->path);
	}
	free(core->private_);
	free(core);
}
