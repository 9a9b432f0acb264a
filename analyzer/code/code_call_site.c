/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_call_site.h"

#include <stdbool.h>
#include <string.h>

static int32_t read_displacement(const uint8_t *bytes)
{
	int32_t displacement;

	memcpy(&displacement, bytes, sizeof(displacement));
	return displacement;
}

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

/* A stub is [endbr64] [bnd] jmp [rip+disp32]; its slot holds the target. */
static uint64_t through_stub(const struct place *place, uint64_t address)
{
	static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint8_t bytes[11] = {0};
	uint64_t slot, target;
	size_t at = 0;

	if (core_read(place->code, address, bytes, sizeof(bytes)) < sizeof(bytes))
		return address;
	if (memcmp(bytes, endbr64, sizeof(endbr64)) == 0)
		at = sizeof(endbr64);
	if (bytes[at] == 0xf2)
		at++;
	if (at + 6 > sizeof(bytes) || bytes[at] != 0xff || bytes[at + 1] != 0x25)
		return address;
	slot = address + at + 6 + (uint64_t)(int64_t)read_displacement(bytes + at + 2);
	return read_slot(place, slot, address, &target) ? target : address;
}

static uint64_t find_target(const struct place *place, uint64_t return_address)
{
	uint8_t bytes[6];
	uint64_t slot, target;

	if (core_read(place->code, return_address - sizeof(bytes), bytes, sizeof(bytes)) < sizeof(bytes))
		return 0;
	if (bytes[1] == 0xe8)
		return through_stub(place, return_address + (uint64_t)(int64_t)read_displacement(bytes + 2));
	if (bytes[0] == 0xff && bytes[1] == 0x15) {
		slot = return_address + (uint64_t)(int64_t)read_displacement(bytes + 2);
		return read_slot(place, slot, return_address, &target) ? target : 0;
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
