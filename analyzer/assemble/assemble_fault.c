/* SPDX-License-Identifier: MIT */
/*
 * The instruction that failed. A signal frame that the unwinder did not come by, where it should have, was left behind
 * by an earlier handler: then the fault is what the thread's own registers show.
 */
#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/facts/fault_twin.h"

static bool is_left_behind(const struct crash *crash, struct interruption *interruption)
{
	const struct unwind_result *stacks = &crash->facts.stacks;

	return interruption->found && stacks->thread_count &&
	       !signal_frame_confirm(crash->core.image, &stacks->threads[0], interruption);
}

struct error *assemble_fault(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct fault_scene scene = {
		.core = &crash->core,
		.pid = crash->facts.pid,
		.registers = crash->facts.has_registers ? crash->facts.registers : NULL,
		.signal = &crash->facts.signal,
	};
	struct interruption interruption = assembly->sighting.interruption;
	struct fault *fault = &assembly->crash.facts.fault;

	(void)request;
	if (is_left_behind(crash, &interruption)) {
		interruption = (struct interruption){0};
		fault_examine(&scene, &interruption, fault);
	} else {
		*fault = assembly->sighting.fault;
		fault->member = crash->facts.stacks.member;
	}
	assembly->crash.facts.interruption = interruption;
	fault_find_twin(&crash->core, fault);
	return NULL;
}
