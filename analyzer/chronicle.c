/* SPDX-License-Identifier: MIT */
#include "analyzer/chronicle.h"

#include <stdlib.h>

#include "replay/heap_lives.h"
#include "schema/record_call.h"
#include "schema/record_marker.h"

void chronicle_deinit(struct chronicle *chronicle)
{
	for (size_t i = 0; i < chronicle->count; i++) {
		struct told_call *call = &chronicle->calls[i];

		event_stack_deinit(&call->stack);
		marker_deinit(&call->before);
		marker_deinit(&call->after);
		call_event_deinit(&call->call);
		free(call->function);
		free(call->signature);
	}
	free(chronicle->calls);
	*chronicle = (struct chronicle){0};
}

uint64_t told_call_time(const struct told_call *call)
{
	if (!call->is_heap)
		return call->call.enter_ns;
	return call->heap.block && call->heap.exit_ns ? call->heap.exit_ns : call->heap.enter_ns;
}

uint32_t told_call_tid(const struct told_call *call)
{
	return call->is_heap ? call->heap.tid : call->call.tid;
}

size_t told_call_caller(const struct told_call *call)
{
	const struct event_stack *stack = &call->stack;
	size_t at = call->is_heap ? stack->caller : 1;

	/* A function that jumped to the probed one is not its own caller. */
	while (at < stack->frame_count && stack->frames[at].trust == FRAME_TAIL_CALL && !call->is_heap)
		at++;
	return at < stack->frame_count && stack->frames[at].trust != FRAME_LOST ? at : SIZE_MAX;
}

static bool holds(uint64_t start, uint64_t size, uint64_t address)
{
	return start && (address == start || address - start < size);
}

size_t chronicle_block_starts(const struct heap_event *events, size_t count, uint64_t address, uint64_t *ret_starts,
			      size_t limit)
{
	size_t found = 0;

	for (size_t i = count; i-- > 0 && found < limit;) {
		bool known = !holds(events[i].block, events[i].size, address);

		for (size_t j = 0; j < found && !known; j++)
			known = ret_starts[j] == events[i].block;
		if (!known)
			ret_starts[found++] = events[i].block;
	}
	return found;
}

struct error *chronicle_choose_heap(const struct heap_event *events, size_t count, uint64_t address, bool **ret_chosen)
{
	bool *chosen = calloc(count + 1, sizeof(*chosen));
	struct heap heap;
	struct error *err = chosen ? heap_build(events, count, &heap) : &error_no_memory;

	if (err) {
		free(chosen);
		return err;
	}
	for (size_t i = 0; i < heap.life_count; i++) {
		const struct heap_life *life = &heap.lives[i];

		if (!holds(life->start, life->size, address))
			continue;
		if (life->born < count)
			chosen[life->born] = true;
		if (life->died < count)
			chosen[life->died] = true;
	}
	for (size_t i = 0; i < count; i++) {
		size_t life = heap.ended[i];

		if (heap.ends[i] == HEAP_END_NONE || heap.ends[i] == HEAP_END_LIFE || heap.outer[i] != i)
			continue;
		if (events[i].old_block == address ||
		    (life < heap.life_count && holds(heap.lives[life].start, heap.lives[life].size, address)))
			chosen[i] = true;
	}
	heap_deinit(&heap);
	*ret_chosen = chosen;
	return NULL;
}
