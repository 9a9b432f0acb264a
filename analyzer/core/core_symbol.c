/* SPDX-License-Identifier: MIT */
#include "analyzer/core/core_symbol.h"

#include <string.h>

#include "analyzer/core/core_module_elf.h"

struct error *core_symbol_address(const struct core_module *module, const char *name, uint64_t *ret_address)
{
	struct error *err = &error_not_found;
	struct elf_file *elf;

	if (module->elf_fd < 0)
		return err;
	err = core_module_open_elf(module, &elf);
	if (err)
		return err->code == ERROR_NO_MEMORY ? err : (error_destroy(err), &error_not_found);
	err = &error_not_found;
	for (size_t i = 0; i < elf->symbol_count; i++) {
		const struct elf_symbol *symbol = &elf->symbols[i];

		if (symbol->is_import || !symbol->address || strcmp(symbol->name, name) != 0)
			continue;
		*ret_address = symbol->address + module->load_bias;
		err = NULL;
		break;
	}
	elf_destroy(elf);
	return err;
}

static bool is_libc(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2.", 7) == 0 ||
	       strncmp(name, "libc.musl", 9) == 0 || strncmp(name, "ld-musl", 7) == 0;
}

const struct core_module *core_symbol_libc(const struct core *core)
{
	for (size_t i = 0; i < core->module_count; i++) {
		if (is_libc(core->modules[i].path))
			return &core->modules[i];
	}
	return core->has_auxv ? core_find_module(core, core->auxv_entry) : NULL;
}
