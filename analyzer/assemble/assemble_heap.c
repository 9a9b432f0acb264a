/* SPDX-License-Identifier: MIT */
/* The heap: the allocator's call in which the process died, the addresses that matter, and their lives. */
#include <signal.h>

#include "analyzer/assemble/assemble_heap.h"
#include "analyzer/facts/heap_call.h"
#include "analyzer/facts/heap_sign.h"

struct error *assemble_heap(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct heap_facts *heap = &assembly->crash.facts.heap;
	struct error *err = NULL;

	heap_call_find(crash,
		       crash->facts.signal.number == SIGABRT &&
			       heap_sign_of(crash->core.abort_message) != HEAP_SIGN_NONE,
		       &heap->call);
	if (crash->record.known)
		err = assemble_heap_pointer(request->store, crash, &assembly->crash.notes, heap);
	if (!err && crash->core.image)
		err = assemble_heap_of_core(crash, heap);
	if (!err && crash->record.known)
		err = assemble_heap_lives(request->store, crash, &assembly->crash.notes, heap);
	return err;
}
