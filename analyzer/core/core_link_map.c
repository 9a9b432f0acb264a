/* SPDX-License-Identifier: MIT */
/*
 * Which files were mapped, where the core has no NT_FILE (gcore without it, cores that were trimmed or converted): as
 * the dynamic linker's own list has it, in the dead process's memory.
 *
 * AT_PHDR leads to the program's header, its PT_DYNAMIC and DT_DEBUG to struct r_debug, and that to a struct link_map
 * for each library (<link.h>; musl's are the same). The headers of a file say where its segments are. A segment becomes
 * a file mapping only if the core has exactly that mapping, of the same range and permissions, and it is not writable:
 * then it is the file's, as far as the library is still in the list. What is written to, or was mapped otherwise, stays
 * unknown. A static program has no list, and its own header is enough.
 */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "analyzer/core/core_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"

#define PAGE_BYTES 4096u
/* No process loads more; a list that is longer leads in a circle. */
#define LIBRARIES_MAX 4096u
#define DYNAMIC_ENTRIES_MAX 1024u

struct linked {
	struct core *core;
	size_t capacity;
};

/* A string of the dead process; NULL where there is none that ends, or no absolute path. */
static const char *read_path(struct linked *linked, uint64_t address)
{
	struct core_private *private = linked->core->private_;
	char path[4096];
	size_t length = core_read_dumped(linked->core, address, path, sizeof(path));
	char *copy;

	if (!length || path[0] != '/' || !memchr(path, 0, length))
		return NULL;
	copy = strdup(path);
	if (!copy)
		return NULL;
	if (array_push(private->linked_paths, private->linked_path_count, copy)) {
		free(copy);
		return NULL;
	}
	return copy;
}

/* A PT_LOAD as the kernel maps it (fs/binfmt_elf.c, elf_map; ld.so does the same). */
static struct core_file_mapping mapping_of(const Elf64_Phdr *program, uint64_t bias, const char *path)
{
	const uint64_t mask = ~(uint64_t)(PAGE_BYTES - 1);
	uint64_t start = bias + program->p_vaddr;

	return (struct core_file_mapping){
		.start = start & mask,
		.end = (start + program->p_filesz + PAGE_BYTES - 1) & mask,
		.offset = program->p_offset & mask,
		.path = path,
	};
}

static bool is_in_core(const struct core *core, const struct core_file_mapping *file, uint32_t flags)
{
	const struct core_segment *segment = core_find_segment(core, file->start);
	const uint32_t permissions = PF_R | PF_W | PF_X;

	return segment && segment->start == file->start && segment->end == file->end &&
	       (segment->flags & permissions) == (flags & permissions);
}

static struct error *add_segments(struct linked *linked, const struct elf_image *image, uint64_t bias, const char *path)
{
	struct core *core = linked->core;

	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];
		struct core_file_mapping file = mapping_of(program, bias, path);

		if (program->p_type != PT_LOAD || (program->p_flags & PF_W) || file.end <= file.start ||
		    !is_in_core(core, &file, program->p_flags))
			continue;
		if (array_reserve(core->files, linked->capacity, core->file_count + 1))
			return &error_no_memory;
		core->files[core->file_count++] = file;
	}
	return NULL;
}

/* The file whose first byte is at `base`. */
static struct error *add_file(struct linked *linked, uint64_t base, uint64_t path_address)
{
	struct elf_image image = core_image_at(linked->core, base);
	struct error *err = NULL;
	const char *path;
	uint64_t bias;

	if (elf_image_init(&image) == ELF_IMAGE_ELF && elf_image_find_bias(&image, base, 0, &bias) &&
	    (path = read_path(linked, path_address)))
		err = add_segments(linked, &image, bias, path);
	elf_image_deinit(&image);
	return err;
}

/* The value of DT_DEBUG: where the dynamic linker keeps its struct r_debug. 0 for none. */
static uint64_t find_debug(const struct core *core, uint64_t dynamic)
{
	for (unsigned i = 0; i < DYNAMIC_ENTRIES_MAX; i++) {
		Elf64_Dyn entry;

		if (core_read_dumped(core, dynamic + i * sizeof(entry), &entry, sizeof(entry)) != sizeof(entry) ||
		    entry.d_tag == DT_NULL)
			return 0;
		if (entry.d_tag == DT_DEBUG)
			return entry.d_un.d_ptr;
	}
	return 0;
}

/* The first struct link_map: the program's own. 0 for none. */
static uint64_t find_link_map(const struct core *core, const struct elf_image *program, uint64_t bias)
{
	for (unsigned i = 0; i < program->header.e_phnum; i++) {
		uint64_t debug = program->program_headers[i].p_type == PT_DYNAMIC
					 ? find_debug(core, bias + program->program_headers[i].p_vaddr)
					 : 0;
		struct r_debug found;

		if (debug && core_read_dumped(core, debug, &found, sizeof(found)) == sizeof(found))
			return (uint64_t)(uintptr_t)found.r_map;
	}
	return 0;
}

static bool is_known(const struct core *core, uint64_t base)
{
	for (size_t i = 0; i < core->file_count; i++) {
		if (core->files[i].start == base)
			return true;
	}
	return false;
}

/* Libraries begin at the address that their own addresses are added to. */
static struct error *add_libraries(struct linked *linked, uint64_t first)
{
	struct error *err = NULL;
	uint64_t at = first;

	for (unsigned i = 0; at && i < LIBRARIES_MAX && !err; i++) {
		struct link_map map;

		if (core_read_dumped(linked->core, at, &map, sizeof(map)) != sizeof(map))
			break;
		if (at != first && map.l_addr && map.l_addr != linked->core->auxv_sysinfo_ehdr &&
		    !is_known(linked->core, map.l_addr))
			err = add_file(linked, map.l_addr, (uint64_t)(uintptr_t)map.l_name);
		at = (uint64_t)(uintptr_t)map.l_next;
	}
	return err;
}

struct error *core_find_linked_files(struct core *core)
{
	struct linked linked = {.core = core};
	uint64_t base = core->auxv_phdr - sizeof(Elf64_Ehdr); /* where linkers put the program headers */
	struct elf_image program = core_image_at(core, base);
	struct error *err = NULL;
	uint64_t bias;

	if (core->file_count || core->auxv_phdr < sizeof(Elf64_Ehdr))
		return NULL;
	if (elf_image_init(&program) == ELF_IMAGE_ELF && program.header.e_phoff == sizeof(Elf64_Ehdr) &&
	    elf_image_find_bias(&program, base, 0, &bias)) {
		err = add_file(&linked, base, core->auxv_execfn);
		if (!err)
			err = add_libraries(&linked, find_link_map(core, &program, bias));
		core->files_are_linked = core->file_count > 0;
		core_sort_files(core);
	}
	elf_image_deinit(&program);
	return err;
}
