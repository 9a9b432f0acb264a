/* SPDX-License-Identifier: MIT */
#include "analyzer/call_site.h"

#include <string.h>

static int32_t read_displacement(const uint8_t *bytes)
{
	int32_t displacement;

	memcpy(&displacement, bytes, sizeof(displacement));
	return displacement;
}

/* A stub is [endbr64] [bnd] jmp [rip+disp32]; its slot holds the target. */
uint64_t call_site_through_stub(const struct core *core, uint64_t address)
{
	static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint8_t bytes[11] = {0};
	uint64_t slot, target;
	size_t at = 0;

	if (core_read(core, address, bytes, sizeof(bytes)) < sizeof(bytes))
		return address;
	if (memcmp(bytes, endbr64, sizeof(endbr64)) == 0)
		at = sizeof(endbr64);
	if (bytes[at] == 0xf2)
		at++;
	if (at + 6 > sizeof(bytes) || bytes[at] != 0xff || bytes[at + 1] != 0x25)
		return address;
	slot = address + at + 6 + (uint64_t)(int64_t)read_displacement(bytes + at + 2);
	return core_read_word(core, slot, &target) ? target : address;
}

uint64_t call_site_target(const struct core *core, uint64_t return_address)
{
	uint8_t bytes[6];
	uint64_t slot, target;

	if (core_read(core, return_address - sizeof(bytes), bytes, sizeof(bytes)) < sizeof(bytes))
		return 0;
	if (bytes[1] == 0xe8)
		return call_site_through_stub(core, return_address + (uint64_t)(int64_t)read_displacement(bytes + 2));
	if (bytes[0] == 0xff && bytes[1] == 0x15) {
		slot = return_address + (uint64_t)(int64_t)read_displacement(bytes + 2);
		return core_read_word(core, slot, &target) ? target : 0;
	}
	return 0;
}
