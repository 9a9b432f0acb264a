/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_boundary.h"

#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/code/code_machine.h"
#include "common/cleanup.h"

#define FUNCTION_BYTES_MAX (16u << 20)

struct error *code_check_instruction(const struct elf_file *elf, const struct code_function *function, uint64_t address)
{
	const char *name = function->name ? function->name : "the function";
	uint64_t wanted = address - function->address, at = 0;
	cleanup_free uint8_t *bytes = NULL;
	const struct code_machine *machine = code_machine_of(elf->machine);
	size_t size;

	if (address < function->address || wanted >= function->size || wanted > FUNCTION_BYTES_MAX)
		return error_format(ERROR_INVALID, "%s in %s has %" PRIu64 " bytes; there is no +0x%" PRIx64 " in it",
				    name, elf->path, function->size, wanted);
	size = wanted + 16;
	bytes = malloc(size);
	if (!bytes)
		return &error_no_memory;
	size = elf_read(elf, function->address, bytes, size);
	while (at < wanted) {
		struct code_instruction instruction;

		if (at >= size ||
		    !code_decode(machine, bytes + at, size - at, function->address + at, CODE_SHAPE, &instruction))
			return error_format(ERROR_INVALID,
					    "%s in %s has bytes that are no instruction before +0x%" PRIx64
					    ": whether one begins there cannot be told",
					    name, elf->path, wanted);
		if (at + instruction.length > wanted)
			return error_format(ERROR_INVALID,
					    "%s+0x%" PRIx64 " in %s is inside an instruction: it goes from +0x%" PRIx64
					    " to +0x%" PRIx64,
					    name, wanted, elf->path, at, at + instruction.length);
		at += instruction.length;
	}
	return NULL;
}
