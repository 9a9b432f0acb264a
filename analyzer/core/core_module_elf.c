/* SPDX-License-Identifier: MIT */
#include "analyzer/core/core_module_elf.h"

struct error *core_module_open_elf(const struct core_module *module, struct elf_file **ret)
{
	return elf_open_with_debug(module->elf_fd, module->debug_fd, module->path, ret);
}

bool core_module_find_frame(const struct core_module *module, uint64_t address, uint64_t *ret_start, uint64_t *ret_end)
{
	return elf_find_frame_in(module->elf_fd, module->path, address, ret_start, ret_end);
}
