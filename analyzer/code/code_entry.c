/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_entry.h"

#include <elf.h>

#include "analyzer/elf/elf_file.h"
#include "common/error.h"

/* No object is larger in the offset of one of its bases. */
#define OBJECT_BYTES_MAX (1 << 24)

bool code_is_entry(const struct core *core, uint64_t address)
{
	const struct core_segment *segment = core_find_segment(core, address);
	const struct core_module *module = segment ? core_find_module(core, address) : NULL;
	struct elf_file *elf;
	uint64_t start, end;
	struct error *err;
	bool is_entry;

	if (!module || module->elf_fd < 0 || !(segment->flags & PF_X))
		return false;
	err = elf_open(module->elf_fd, module->path, NULL, &elf);
	if (err) {
		error_destroy(err);
		return false;
	}
	address -= module->load_bias;
	is_entry = elf_symbol_at(elf, address) || (elf_find_frame(elf, address, &start, &end) && start == address);
	elf_destroy(elf);
	return is_entry;
}

bool code_is_table(const struct core *core, uint64_t address)
{
	const struct core_segment *segment = core_find_segment(core, address);
	uint64_t word;

	return segment && !(segment->flags & PF_X) && address % 8 == 0 && core_find_module(core, address) &&
	       core_read_word(core, address, &word) && code_is_entry(core, word);
}

bool code_is_virtual_table(const struct core *core, uint64_t address)
{
	uint64_t top, type;

	if (!code_is_table(core, address) || address < 16 || !core_read_word(core, address - 16, &top) ||
	    !core_read_word(core, address - 8, &type))
		return false;
	return (int64_t)top <= 0 && (int64_t)top > -OBJECT_BYTES_MAX && (!type || core_find_module(core, type));
}
