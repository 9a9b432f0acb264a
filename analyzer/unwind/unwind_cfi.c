/* SPDX-License-Identifier: MIT */
/* In the child: rows of call frame information, and the look of a call instruction. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>

#include "analyzer/unwind/unwind_child.h"

/* Whether the instruction before `address` can be a call: e8 with a 32-bit displacement, or ff /2 in any of its
 * lengths (Intel SDM volume 2, CALL, and 2.1.5 for the ModR/M forms). A prefix needs no check of its own. */
static bool follows_call(const uint8_t before[7])
{
	if (before[2] == 0xe8)
		return true;
	for (unsigned length = 2; length <= 7; length++) {
		const uint8_t *code = before + 7 - length;
		uint8_t mode = length > 1 ? code[1] >> 6 : 0, operand = code[1] & 7;
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

enum call_check unwind_check_call(const struct core *core, uint64_t return_address)
{
	uint8_t before[7];

	if (return_address < sizeof(before) ||
	    core_read(core, return_address - sizeof(before), before, sizeof(before)) != sizeof(before))
		return CALL_UNKNOWN;
	return follows_call(before) ? CALL_YES : CALL_NO;
}

Dwarf_Frame *unwind_find_cfi(Dwfl *dwfl, uint64_t address)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
	Dwarf_Frame *frame = NULL;
	Dwarf_Addr bias;
	Dwarf_CFI *cfi;

	if (!module)
		return NULL;
	cfi = dwfl_module_eh_cfi(module, &bias);
	if (cfi && dwarf_cfi_addrframe(cfi, address - bias, &frame) == 0)
		return frame;
	cfi = dwfl_module_dwarf_cfi(module, &bias);
	if (cfi && dwarf_cfi_addrframe(cfi, address - bias, &frame) == 0)
		return frame;
	return NULL;
}

bool unwind_cfa_rule(Dwarf_Frame *frame, unsigned *ret_register, int64_t *ret_offset)
{
	Dwarf_Op *operations;
	size_t count;

	if (dwarf_frame_cfa(frame, &operations, &count) != 0 || count != 1)
		return false;
	if (operations[0].atom == DW_OP_bregx) {
		*ret_register = (unsigned)operations[0].number;
		*ret_offset = (int64_t)operations[0].number2;
		return true;
	}
	if (operations[0].atom < DW_OP_breg0 || operations[0].atom > DW_OP_breg31)
		return false;
	*ret_register = operations[0].atom - DW_OP_breg0;
	*ret_offset = (int64_t)operations[0].number;
	return true;
}

int64_t unwind_return_slot(Dwfl *dwfl, uint64_t address)
{
	Dwarf_Frame *frame = unwind_find_cfi(dwfl, address);
	int64_t offset, distance = -1;
	unsigned number;

	/* The return address is the word below the CFA (System V ABI, AMD64 supplement, "Stack Unwind Algorithm"). */
	if (frame && unwind_cfa_rule(frame, &number, &offset) && number == DWARF_RSP && offset >= 8)
		distance = offset - 8;
	free(frame);
	return distance;
}
