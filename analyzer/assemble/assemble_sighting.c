/* SPDX-License-Identifier: MIT */
/*
 * The signal frame on the crashed thread's stack and the fault, as they look before the stacks are known. The unwinder
 * is asked about the pointer of this fault, and then tells whether the frame is a live one (assemble_fault.c).
 */
#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/code/code_origin.h"

/* Which member a null pointer was used for: base + a small offset, and the register the pointer for sure. */
static void ask_for_member(const struct crash_from_core *from, const struct fault *fault,
			   struct member_request *ret_request)
{
	const struct fault_operand *operand =
		&fault->operands[fault->operand < fault->operand_count ? fault->operand : 0];
	struct place place;

	if (!fault->is_fault || !fault->has_registers || fault->access == ACCESS_EXECUTE ||
	    fault->operand >= fault->operand_count || operand->base < 0 || operand->is_stack || operand->has_segment ||
	    operand->base == CORE_RIP || operand->base == CORE_RSP || (operand->index >= 0 && operand->scale == 1) ||
	    fault->registers[operand->base] != 0 || fault->address >= PLACE_NULL_BYTES)
		return;
	place_in_core(from, fault->address, &place);
	if (place.kind != PLACE_NULL)
		return;
	ret_request->offset = fault->address;
	ret_request->bytes = operand->bytes;
	ret_request->link_count =
		code_origin_of_pointer(from->image, fault->registers, operand->base, ret_request->links);
}

struct error *assemble_sighting(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct fault_scene scene = {
		.core = &crash->core,
		.pid = crash->facts.pid,
		.registers = crash->facts.has_registers ? crash->facts.registers : NULL,
		.signal = &crash->facts.signal,
	};

	(void)request;
	if (crash->core.image)
		signal_frame_find(crash->core.image, &assembly->sighting.interruption);
	fault_examine(&scene, &assembly->sighting.interruption, &assembly->sighting.fault);
	if (crash->core.image)
		ask_for_member(&crash->core, &assembly->sighting.fault, &assembly->sighting.member);
	return NULL;
}
