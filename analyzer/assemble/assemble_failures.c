/* SPDX-License-Identifier: MIT */
/* The calls for memory that failed in the thread that died. */
#include <stdlib.h>

#include "analyzer/assemble/assemble_parts.h"
#include "schema/reader_failures.h"

struct error *assemble_failures(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct failed_calls *failed = &assembly->crash.facts.failed_calls;
	uint32_t tid = crash->record.has_signal_event ? crash->record.signal_event.tid : 0;
	struct error *err;

	if (!crash->record.known || !tid)
		return NULL;
	err = store_reader_failures(request->store, crash->record.space.id, tid, crash->record.time_ns ?: UINT64_MAX,
				    FAILED_CALLS, &failed->events, &failed->count);
	if (err)
		return err;
	failed->contexts = calloc(failed->count ?: 1, sizeof(*failed->contexts));
	if (failed->contexts)
		return NULL;
	failed->count = 0;
	return &error_no_memory;
}
