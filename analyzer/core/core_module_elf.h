/* SPDX-License-Identifier: MIT */
/* The ELF file of a module of the core (elf_file.h): of the descriptors that core_find_modules() has opened. */
#ifndef ANALYZER_CORE_MODULE_ELF_H
#define ANALYZER_CORE_MODULE_ELF_H

#include "analyzer/core/core.h"
#include "analyzer/elf/elf_file.h"

/* The file of a module with an elf_fd, and the debug file that was found with it. Errors as of elf_open(). */
struct error *core_module_open_elf(const struct core_module *module, struct elf_file **ret) must_check;

/* elf_find_frame() of that file, in its own addresses, without reading its symbols. */
bool core_module_find_frame(const struct core_module *module, uint64_t address, uint64_t *ret_start, uint64_t *ret_end);

#endif
