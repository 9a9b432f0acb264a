/* SPDX-License-Identifier: MIT */
/*
 * Beside the mappings, what else a recording tells of an address: the allocator's calls for the blocks that held it,
 * and the calls of probed functions that had it as an argument or a result. Data, and the choice of what belongs to it.
 * Pure; assemble_chronicle.c reads it from a store.
 */
#ifndef ANALYZER_CHRONICLE_H
#define ANALYZER_CHRONICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/facts/event_stack.h"
#include "common/error.h"
#include "schema/record_call.h"
#include "schema/record_marker.h"

/* One call. */
struct told_call {
	bool is_heap;
	struct heap_event heap; /* when is_heap */
	struct call_event call; /* else */
	char *function;		/* its name; NULL when its row was lost */
	char *signature;	/* as --probe gave it; "" or NULL for none */
	struct event_stack stack;
	struct marker before, after; /* nearest markers of the same thread; id 0 for none */
};

struct chronicle {
	struct told_call *calls; /* by no order */
	size_t count;
	bool truncated; /* older calls were left out */
};
void chronicle_deinit(struct chronicle *chronicle);

/* When it mattered for the address: a block is handed out at the return of its call, and given back at the entry. */
uint64_t told_call_time(const struct told_call *call);
uint32_t told_call_tid(const struct told_call *call);

/* The frame that made the call: the first that is not of the C library or an allocator; of a probed function, whoever
 * called it. SIZE_MAX when it is not known. */
size_t told_call_caller(const struct told_call *call);

/* Which of the allocator's calls (by rising id) belong to the life of `address`: those that handed out or gave back a
 * block that held it, and those that were given it, or such a block's start, without being in the right. Calls that
 * only carry out another one are left out. *ret_chosen has an element for each event; the caller frees it. */
struct error *chronicle_choose_heap(const struct heap_event *events, size_t count, uint64_t address,
				    bool **ret_chosen) must_check;

/* The starts of the blocks among the events that held `address`, each once, the newest first; at most `limit`. Returns
 * how many. */
size_t chronicle_block_starts(const struct heap_event *events, size_t count, uint64_t address, uint64_t *ret_starts,
			      size_t limit);

#endif
