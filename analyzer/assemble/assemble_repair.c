/* SPDX-License-Identifier: MIT */
/* What uretprobes did to the stacks, undone, and who had attached them. */
#include "analyzer/assemble/assemble_parts.h"

static struct error *repair_stacks(const struct assemble_request *request, const struct crash *crash,
				   const struct assemble_sighting *sighting, struct unwind_result *stacks,
				   struct repair *ret_repair)
{
	const struct crash_from_record *record = &crash->record;
	struct member_request member;
	const struct unwind_request unwinding = assemble_unwinding(sighting, &member);
	const struct repair_request repair_request = {
		.core = request->core,
		.recorded_trampoline = record->has_signal_event ? record->signal_event.trampoline : 0,
		.instances = record->instances,
		.instance_count = record->instance_count,
		.unwinding = &unwinding,
	};

	return repair_core(&repair_request, stacks, ret_repair);
}

struct error *assemble_repair(const struct assemble_request *request, struct assembly *assembly)
{
	struct crash *crash = &assembly->crash;
	struct repair *repair = &crash->facts.repair;
	struct error *err;

	if (!crash->core.image && crash->record.has_exit_state) {
		repair->trampoline = crash->record.exit_state.trampoline;
		repair->trampoline_recorded = repair->trampoline != 0;
		return assemble_add_pending(request->store, crash, repair);
	}
	if (!crash->core.image)
		return NULL;
	err = repair_stacks(request, crash, &assembly->sighting, &assembly->unwound, repair);
	if (err)
		return err;
	assembly->repaired = assembly->unwound;
	assembly->unwound = (struct unwind_result){0};
	if (crash->record.known)
		err = assemble_name_tracers(request->store, crash, repair);
	if (!err && assembly->repaired.failure)
		err = crash_add_note(&crash->notes, "unwinding did not finish: %s", assembly->repaired.failure);
	return err;
}
