/* SPDX-License-Identifier: MIT */
/* In the child: the modules, as libdwfl is told of them, and which of their memory holds code. */
#include <elf.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/unwind/unwind_child.h"
#include "common/cleanup.h"

static int find_elf(Dwfl_Module *handle, void **user, const char *name, Dwarf_Addr base, char **file_name, Elf **elf)
{
	const struct core_module *module = *user;

	(void)handle, (void)name, (void)base, (void)file_name, (void)elf;
	return module ? dup(module->elf_fd) : -1;
}

static bool names_wanted;

void unwind_begin_names(void)
{
	names_wanted = true;
}

bool unwind_is_c_library(Dwfl_Module *handle)
{
	const struct core_module *module;
	const char *name;
	void **user;

	dwfl_module_info(handle, &user, NULL, NULL, NULL, NULL, NULL, NULL);
	module = *user;
	name = strrchr(module->path, '/');
	return name && (strcmp(name, "/libc.so.6") == 0 || strncmp(name, "/ld-linux", 9) == 0);
}

static int find_debuginfo(Dwfl_Module *handle, void **user, const char *name, Dwarf_Addr base, const char *file_name,
			  const char *link_name, GElf_Word link_crc, char **debug_name)
{
	const struct core_module *module = *user;

	(void)name, (void)base, (void)file_name, (void)link_name, (void)link_crc, (void)debug_name;
	/* It has no call frame information that .eh_frame lacks, but where .eh_frame has none (clone), libdwfl looks.
	 */
	if (!names_wanted && unwind_is_c_library(handle))
		return -1;
	return module && module->debug_fd >= 0 ? dup(module->debug_fd) : -1;
}

const Dwfl_Callbacks unwind_module_callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

static Elf64_Phdr *read_program_headers(int fd, size_t *ret_count)
{
	Elf64_Phdr *programs;
	Elf64_Ehdr header;
	size_t size;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) || header.e_phentsize != sizeof(Elf64_Phdr) ||
	    header.e_phnum == 0 || header.e_phoff > INT64_MAX)
		return NULL;
	size = header.e_phnum * sizeof(*programs);
	programs = malloc(size);
	if (!programs || pread(fd, programs, size, (off_t)header.e_phoff) != (ssize_t)size) {
		free(programs);
		return NULL;
	}
	*ret_count = header.e_phnum;
	return programs;
}

/* libdwfl takes a module's start for the place of its first PT_LOAD, rounded down to that segment's alignment. */
static bool find_start(const struct core_module *module, uint64_t *ret_start)
{
	cleanup_free Elf64_Phdr *programs = NULL;
	size_t count = 0;

	programs = read_program_headers(module->elf_fd, &count);
	for (size_t i = 0; programs && i < count; i++) {
		if (programs[i].p_type != PT_LOAD)
			continue;
		*ret_start = (programs[i].p_vaddr & -programs[i].p_align) + module->load_bias;
		return true;
	}
	return false;
}

bool unwind_report_modules(Dwfl *dwfl, const struct core *core)
{
	uint64_t last_end = 0;

	dwfl_report_begin(dwfl);
	for (size_t i = 0; i < core->module_count; i++) {
		struct core_module *module = &core->modules[i];
		Dwfl_Module *handle;
		char name[24];
		void **user;
		uint64_t start;

		if (module->elf_fd < 0 || !find_start(module, &start) || start < last_end || start >= module->end)
			continue;
		snprintf(name, sizeof(name), "%zu", i);
		handle = dwfl_report_module(dwfl, name, start, module->end);
		if (!handle)
			continue;
		dwfl_module_info(handle, &user, NULL, NULL, NULL, NULL, NULL, NULL);
		*user = module;
		last_end = module->end;
	}
	return dwfl_report_end(dwfl, NULL, NULL) == 0;
}

bool unwind_is_executable(const struct core *core, uint64_t address)
{
	const struct core_segment *segment = core_find_segment(core, address);
	const struct core_module *module;
	cleanup_free Elf64_Phdr *programs = NULL;
	size_t count = 0;

	if (segment)
		return segment->flags & PF_X;
	/* GDB's gcore leaves mappings out that nobody wrote to: their flags are the file's. */
	module = core_find_module(core, address);
	if (!module || !core_find_file(core, address))
		return false;
	if (module->elf_fd < 0)
		return true;
	programs = read_program_headers(module->elf_fd, &count);
	for (size_t i = 0; programs && i < count; i++) {
		uint64_t start = programs[i].p_vaddr + module->load_bias;

		if (programs[i].p_type == PT_LOAD && (programs[i].p_flags & PF_X) && address >= start &&
		    address - start < programs[i].p_memsz)
			return true;
	}
	return false;
}
