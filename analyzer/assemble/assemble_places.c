/* SPDX-License-Identifier: MIT */
/* Where the fault's address, the operands of its instruction and the registers point. */
#include "analyzer/assemble/assemble_parts.h"

void assemble_find_places(const struct crash *crash, bool told, struct crash_facts *ret_facts)
{
	const struct fault *fault = &crash->facts.fault;

	if (told && fault->source != ADDRESS_UNKNOWN)
		place_of(crash, fault->address, &ret_facts->fault_place);
	for (size_t i = 0; told && i < fault->operand_count; i++)
		place_of(crash, fault->operands[i].address, &ret_facts->operand_places[i]);
	ret_facts->pointer_count = fault->has_registers ? POINTER_REGISTERS : 0;
	for (size_t i = 0; i < ret_facts->pointer_count; i++) {
		struct pointer *pointer = &ret_facts->pointers[i];

		pointer->number = pointer_registers[i];
		pointer->value = fault->registers[pointer_registers[i]];
		place_of(crash, pointer->value, &pointer->place);
	}
}

struct error *assemble_places(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;

	(void)request;
	/* What an instruction that did not fault touches is told only where a record may say more of it. */
	assemble_find_places(crash, crash->facts.fault.is_fault || crash->record.known, &assembly->crash.facts);
	return NULL;
}
