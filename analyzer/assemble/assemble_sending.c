/* SPDX-License-Identifier: MIT */
/* Which threads are in a system call that sends the signal that the process died of. */
#include "analyzer/assemble/assemble_steps.h"

/* The record has seen another thread send it. */
static bool is_recorded_elsewhere(const struct crash_from_record *record)
{
	return record->has_sender &&
	       (record->sender.pid != record->process.pid || record->sender.tid != record->signal_event.tid);
}

struct error *assemble_sending(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;

	(void)request;
	if (crash->core.image)
		signal_call_find(crash->core.image, &crash->facts.stacks, crash->facts.signal.number,
				 is_recorded_elsewhere(&crash->record), &assembly->crash.facts.sending);
	return NULL;
}
