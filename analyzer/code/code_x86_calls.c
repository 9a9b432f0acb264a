/* SPDX-License-Identifier: MIT */
/*
 * Calls, jumps and stubs of x86-64 by the look of their bytes, where no decoding can begin: before a return address,
 * and in whole texts. Facts are of the Intel SDM, volume 2, where nothing else is named.
 */
#include <string.h>

#include "analyzer/code/code_x86.h"

static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};

/* e8 with a 32-bit displacement, or ff /2 in any of its lengths (CALL, and 2.1.5 for the ModR/M forms). A prefix needs
 * no check of its own. */
bool code_x86_may_be_call(const uint8_t before[CODE_CALL_BYTES])
{
	if (before[2] == 0xe8)
		return true;
	for (unsigned length = 2; length <= CODE_CALL_BYTES; length++) {
		const uint8_t *code = before + CODE_CALL_BYTES - length;
		uint8_t mode = code[1] >> 6, operand = code[1] & 7;
		unsigned expected = 2;

		if (code[0] != 0xff || ((code[1] >> 3) & 7) != 2)
			continue;
		if (mode != 3 && operand == 4)
			expected++;
		if (mode == 1)
			expected += 1;
		else if (mode == 2 || (mode == 0 && operand == 5))
			expected += 4;
		else if (mode == 0 && operand == 4 && length > 2 && (code[2] & 7) == 5)
			expected += 4;
		if (expected == length)
			return true;
	}
	return false;
}

static uint64_t displaced(uint64_t next, const uint8_t *bytes)
{
	int32_t displacement;

	memcpy(&displacement, bytes, sizeof(displacement));
	return next + (uint64_t)(int64_t)displacement;
}

/* call rel32 and call [rip+disp32]: the shapes that compilers emit for a function that they know. */
enum code_call code_x86_call_before(const uint8_t before[CODE_CALL_BYTES], uint64_t return_address, uint64_t *ret)
{
	const uint8_t *end = before + CODE_CALL_BYTES;

	if (end[-5] == 0xe8) {
		*ret = displaced(return_address, end - 4);
		return CODE_CALL_DIRECT;
	}
	if (end[-6] == 0xff && end[-5] == 0x15) {
		*ret = displaced(return_address, end - 4);
		return CODE_CALL_SLOT;
	}
	return CODE_CALL_NONE;
}

/* [endbr64] [bnd] jmp [rip+disp32] (System V ABI, AMD64 supplement, "Procedure Linkage Table"). */
bool code_x86_stub_slot(const uint8_t bytes[CODE_STUB_BYTES], uint64_t address, uint64_t *ret_slot)
{
	size_t at = 0;

	if (memcmp(bytes, endbr64, sizeof(endbr64)) == 0)
		at = sizeof(endbr64);
	if (bytes[at] == 0xf2)
		at++;
	if (bytes[at] != 0xff || bytes[at + 1] != 0x25)
		return false;
	*ret_slot = displaced(address + at + 6, bytes + at + 2);
	return true;
}

/* The jump of a stub, ff 25, and what may stand before it. */
bool code_x86_next_stub(const uint8_t *bytes, size_t size, uint64_t address, size_t from, struct code_stub *ret)
{
	for (const uint8_t *at = bytes + from; (at = memchr(at, 0xff, (size_t)(bytes + size - at))); at++) {
		size_t offset = (size_t)(at - bytes), start = offset;

		if (offset + 6 > size)
			return false;
		if (at[1] != 0x25)
			continue;
		if (start >= 1 && bytes[start - 1] == 0xf2)
			start--;
		if (start >= sizeof(endbr64) && memcmp(bytes + start - sizeof(endbr64), endbr64, sizeof(endbr64)) == 0)
			start -= sizeof(endbr64);
		*ret = (struct code_stub){
			.start = start, .jump = offset, .slot = displaced(address + offset + 6, at + 2)};
		return true;
	}
	return false;
}

/* call rel32 (e8), jmp rel32 (e9) and rel8 (eb), and call and jmp through a slot (ff 15, ff 25): the shapes that
 * compilers and linkers emit. */
bool code_x86_next_transfer(const uint8_t *bytes, size_t size, uint64_t address, size_t from, struct code_transfer *ret)
{
	for (size_t i = from; i + 6 <= size; i++) {
		uint64_t here = address + i;

		switch (bytes[i]) {
		case 0xe8:
		case 0xe9:
			*ret = (struct code_transfer){.at = i,
						      .length = 5,
						      .is_call = bytes[i] == 0xe8,
						      .to = displaced(here + 5, bytes + i + 1)};
			return true;
		case 0xeb:
			*ret = (struct code_transfer){
				.at = i, .length = 2, .to = here + 2 + (uint64_t)(int64_t)(int8_t)bytes[i + 1]};
			return true;
		case 0xff:
			if (bytes[i + 1] != 0x15 && bytes[i + 1] != 0x25)
				continue;
			*ret = (struct code_transfer){.at = i,
						      .length = 6,
						      .is_call = bytes[i + 1] == 0x15,
						      .through_slot = true,
						      .to = displaced(here + 6, bytes + i + 2)};
			return true;
		default:
			continue;
		}
	}
	return false;
}
