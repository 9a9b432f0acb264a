/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_machine.h"

#include "common/array.h"

static const struct code_machine *const machines[] = {
	&code_machine_x86,
};

static const struct code_machine unknown = {.name = "unknown"};

const struct code_machine *code_machine_of(uint16_t elf_machine)
{
	for (size_t i = 0; i < array_size(machines); i++) {
		if (machines[i]->elf_machine == elf_machine)
			return machines[i];
	}
	return &unknown;
}

bool code_decode(const struct code_machine *machine, const uint8_t *bytes, size_t size, uint64_t address,
		 enum code_detail detail, struct code_instruction *ret)
{
	return machine->decode && size > 0 && machine->decode(bytes, size, address, detail, ret);
}

bool code_decode_at(const struct core *core, uint64_t address, enum code_detail detail, struct code_instruction *ret)
{
	uint8_t bytes[CODE_INSTRUCTION_BYTES];
	size_t size = core_read(core, address, bytes, sizeof(bytes));

	return code_decode(code_machine_of(core->machine), bytes, size, address, detail, ret);
}

bool code_describe(const struct code_machine *machine, const uint8_t *bytes, size_t size, uint64_t address,
		   struct code_description *ret)
{
	return machine->describe && size > 0 && machine->describe(bytes, size, address, ret);
}
