/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_call_site.h"

#include <stdbool.h>
#include <string.h>

#include "analyzer/code/code_machine.h"

/* Code and the words of the linkage table may have to be read in different places. */
struct place {
	const struct core *code;
	const struct core *words; /* NULL: they are not known */
};

/* The words of a module that stands in the core where the picture has it are the core's. They may have been bound
 * since; that changes from a stub to the function, or not at all. */
static bool read_slot(const struct place *place, uint64_t slot, uint64_t near, uint64_t *ret_word)
{
	if (place->words && place->words != place->code) {
		const struct core_module *then = core_find_module(place->code, near);
		const struct core_module *later = core_find_module(place->words, near);

		if (!then || !later || then->load_bias != later->load_bias || slot < then->start || slot >= then->end ||
		    then->build_id_bytes == 0 || then->build_id_bytes != later->build_id_bytes ||
		    memcmp(then->build_id, later->build_id, then->build_id_bytes) != 0)
			return false;
	}
	return place->words && core_read_word(place->words, slot, ret_word);
}

/* The bytes before a return address. One less will do at the start of a mapping: no call that names its target is
 * longer.
 */
static bool read_before(const struct core *core, uint64_t return_address, uint8_t ret_before[CODE_CALL_BYTES])
{
	const size_t size = CODE_CALL_BYTES - 1;

	ret_before[0] = 0;
	return core_read(core, return_address - size, ret_before + 1, size) == size;
}

/* Where the stub at `address` leads; `address` itself when it is none. */
static uint64_t through_stub(const struct place *place, uint64_t address)
{
	const struct code_machine *machine = code_machine_of(place->code->machine);
	uint8_t bytes[CODE_STUB_BYTES];
	uint64_t slot, target;

	if (!machine->stub_slot || core_read(place->code, address, bytes, sizeof(bytes)) < sizeof(bytes) ||
	    !machine->stub_slot(bytes, address, &slot))
		return address;
	return read_slot(place, slot, address, &target) ? target : address;
}

static uint64_t find_target(const struct place *place, uint64_t return_address)
{
	const struct code_machine *machine = code_machine_of(place->code->machine);
	uint8_t before[CODE_CALL_BYTES];
	uint64_t to, target;

	if (!machine->call_before || !read_before(place->code, return_address, before))
		return 0;
	switch (machine->call_before(before, return_address, &to)) {
	case CODE_CALL_DIRECT:
		return through_stub(place, to);
	case CODE_CALL_SLOT:
		return read_slot(place, to, return_address, &target) ? target : 0;
	case CODE_CALL_NONE:
		break;
	}
	return 0;
}

uint64_t code_call_site_through_stub(const struct core *core, uint64_t address)
{
	const struct place place = {.code = core, .words = core};

	return through_stub(&place, address);
}

uint64_t code_call_site_target(const struct core *core, uint64_t return_address)
{
	const struct place place = {.code = core, .words = core};

	return find_target(&place, return_address);
}

uint64_t code_call_site_target_in(const struct core *picture, const struct core *core, uint64_t return_address)
{
	const struct place place = {.code = picture, .words = core};

	return find_target(&place, return_address);
}

bool code_call_site_is_direct(const struct core *core, uint64_t return_address)
{
	const struct code_machine *machine = code_machine_of(core->machine);
	uint8_t before[CODE_CALL_BYTES];
	uint64_t to;

	return machine->call_before && read_before(core, return_address, before) &&
	       machine->call_before(before, return_address, &to) == CODE_CALL_DIRECT;
}
