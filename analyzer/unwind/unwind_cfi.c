/* SPDX-License-Identifier: MIT */
/* In the child: rows of call frame information, and the look of a call instruction. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>

#include "analyzer/code/code_machine.h"
#include "analyzer/unwind/unwind_child.h"

enum call_check unwind_check_call(const struct core *core, uint64_t return_address)
{
	const struct code_machine *machine = code_machine_of(core->machine);
	uint8_t before[CODE_CALL_BYTES];

	if (!machine->may_be_call || return_address < sizeof(before) ||
	    core_read(core, return_address - sizeof(before), before, sizeof(before)) != sizeof(before))
		return CALL_UNKNOWN;
	return machine->may_be_call(before) ? CALL_YES : CALL_NO;
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
