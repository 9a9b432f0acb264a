/* SPDX-License-Identifier: MIT */
/* The signal frames that the unwinder came by on the crashed thread's stack. */
#include "analyzer/assemble/assemble_steps.h"

/* Was it interrupted in a system call that sends this very signal to the process? */
static bool sends(const struct core *core, const struct interruption *interruption)
{
	struct signal_call call;

	return signal_call_read(core, interruption->registers, false, &call) &&
	       signal_call_reaches(&call, interruption->signal.number, core->pid, core->threads[0].tid);
}

struct error *assemble_interruptions(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct interruption *examined = &crash->facts.interruption;
	struct interruption *interruptions = assembly->crash.facts.interruptions;
	size_t count = 0;

	(void)request;
	if (crash->core.image && crash->facts.stacks.thread_count)
		count = signal_frame_collect(crash->core.image, &crash->facts.stacks.threads[0], interruptions,
					     CRASH_INTERRUPTIONS);
	for (size_t i = 0; i < count; i++) {
		/* A frame without a siginfo (its handler asked for none): the fault's examination has borne its signal
		 * out. */
		if (interruptions[i].inferred && crash->facts.fault.in_handler && examined->found &&
		    interruptions[i].address == examined->address)
			interruptions[i].signal = examined->signal;
		interruptions[i].sends = sends(crash->core.image, &interruptions[i]);
	}
	assembly->crash.facts.interruption_count = count;
	return NULL;
}
