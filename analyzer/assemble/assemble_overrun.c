/* SPDX-License-Identifier: MIT */
/* Whether the failing value was taken from an overwritten stack, and in whose frame. */
#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/facts/overrun.h"
#include "analyzer/facts/stack_corruption.h"

/* What the function that was called last is called. */
static struct error *name_callee(const struct crash *crash, struct returned *owner)
{
	struct unwind_request request = {.addresses = &owner->function, .address_count = 1, .frame_limit = 1};
	struct unwind_result result;
	struct error *err = unwind_core(crash->core.image, &request, &result);

	if (err)
		return err;
	if (result.symbol_count) {
		owner->symbol = result.symbols[0];
		result.symbols[0] = (struct symbol){0};
	}
	unwind_result_deinit(&result);
	return NULL;
}

struct error *assemble_overrun(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct overrun *overrun = &assembly->crash.facts.overrun;
	struct smashed smashed;

	(void)request;
	if (!crash->core.image)
		return NULL;
	overrun_find(crash, overrun);
	if (overrun->by == TAKEN_REGISTER)
		return name_callee(crash, &overrun->owner);
	/* A return that was refused is at hand: its function is the innermost frame. */
	if (overrun->by != TAKEN_RETURN || !corruption_find_return(crash, &smashed) || smashed.refused)
		return NULL;
	return returned_find(crash->core.image, overrun->slot, crash->facts.fault.registers, RETURNED_BELOW,
			     &overrun->owner);
}
