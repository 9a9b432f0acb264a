/* SPDX-License-Identifier: MIT */
/* The stacks of all threads, as the core has them, and which member a null pointer was used for. */
#include "analyzer/assemble/assemble_parts.h"

struct unwind_request assemble_unwinding(const struct assemble_sighting *sighting, struct member_request *member)
{
	*member = sighting->member;
	member->registers = sighting->fault.registers;
	return (struct unwind_request){.member = member->link_count ? member : NULL};
}

struct error *assemble_unwound(const struct assemble_request *request, struct assembly *assembly)
{
	struct member_request member;
	struct unwind_request unwinding = assemble_unwinding(&assembly->sighting, &member);

	return request->core ? unwind_core(request->core, &unwinding, &assembly->unwound) : NULL;
}
