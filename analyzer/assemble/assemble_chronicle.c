/* SPDX-License-Identifier: MIT */
/* What the record tells of an address beside its mappings: calls of allocators and of probed functions. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/chronicle.h"
#include "analyzer/assemble/assemble_steps.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/reader_calls.h"
#include "schema/reader_markers.h"
#include "schema/reader_history.h"
#include "schema/record_call.h"

#define HISTORY_LIMIT 20000
/* Of those, the newest are told, with their stacks. */
#define TOLD_LIMIT 64
#define STARTS_LIMIT 16

struct heap_window {
	struct heap_event *events;
	size_t count;
	bool truncated;
};

static int compare_events(const void *a, const void *b)
{
	const struct heap_event *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

/* Adds what touches [start, start + 1). */
static struct error *read_heap(struct store_reader *store, const struct crash *crash, uint64_t start,
			       struct heap_window *window)
{
	struct history_query query = {
		.space_id = crash->record.space.id,
		.start = start,
		.end = start + 1,
		.until_ns = crash->record.time_ns ? crash->record.time_ns : UINT64_MAX,
		.limit = HISTORY_LIMIT,
	};
	cleanup_free struct heap_event *events = NULL;
	struct heap_event *all;
	size_t count = 0, kept = 0;
	struct error *err;
	bool truncated;

	if (start == UINT64_MAX)
		return NULL;
	err = store_reader_heap_history(store, &query, &events, &count, &truncated);
	if (err)
		return err;
	window->truncated |= truncated;
	if (array_resize(window->events, window->count + count + 1))
		return &error_no_memory;
	all = window->events;
	if (count)
		memcpy(all + window->count, events, count * sizeof(*events));
	window->count += count;
	if (!window->count)
		return NULL;
	qsort(all, window->count, sizeof(*all), compare_events);
	for (size_t i = 0; i < window->count; i++) {
		if (kept == 0 || all[kept - 1].id != all[i].id)
			all[kept++] = all[i];
	}
	window->count = kept;
	return NULL;
}

/* A free names only where its block starts. */
static struct error *read_blocks(struct store_reader *store, const struct crash *crash, uint64_t address,
				 struct heap_window *window)
{
	uint64_t starts[STARTS_LIMIT];
	struct error *err = read_heap(store, crash, address, window);
	size_t count = err ? 0 : chronicle_block_starts(window->events, window->count, address, starts, STARTS_LIMIT);

	for (size_t i = 0; i < count && !err; i++) {
		if (starts[i] != address)
			err = read_heap(store, crash, starts[i], window);
	}
	return err;
}

static struct error *add_heap(struct store_reader *store, const struct crash *crash, uint64_t address,
			      struct chronicle *chronicle)
{
	struct heap_window window = {0};
	cleanup_free bool *chosen = NULL;
	size_t told = 0;
	struct error *err = read_blocks(store, crash, address, &window)
				    ?: chronicle_choose_heap(window.events, window.count, address, &chosen);

	chronicle->truncated |= window.truncated;
	for (size_t i = window.count; i-- > 0 && !err;) {
		if (!chosen[i])
			continue;
		if (told++ == TOLD_LIMIT) {
			chronicle->truncated = true;
			break;
		}
		chronicle->calls[chronicle->count++] = (struct told_call){.is_heap = true, .heap = window.events[i]};
	}
	free(window.events);
	return err;
}

static struct error *add_calls(struct store_reader *store, const struct crash *crash, uint64_t address,
			       struct chronicle *chronicle)
{
	struct history_query query = {
		.space_id = crash->record.space.id,
		.start = address,
		.end = address + 1,
		.until_ns = crash->record.time_ns ? crash->record.time_ns : UINT64_MAX,
		.limit = TOLD_LIMIT,
	};
	struct call_event *calls = NULL;
	size_t count = 0;
	bool truncated = false;
	struct error *err;

	if (address == UINT64_MAX)
		return NULL;
	err = store_reader_calls(store, &query, &calls, &count, &truncated);
	if (err)
		return err;
	chronicle->truncated |= truncated;
	for (size_t i = 0; i < count; i++)
		chronicle->calls[chronicle->count++] = (struct told_call){.call = calls[i]};
	free(calls);
	return NULL;
}

static struct error *nothing_found(struct error *err)
{
	if (!error_catch(&err, ERROR_NOT_FOUND))
		return err;
	return NULL;
}

static struct error *add_surroundings(struct store_reader *store, const struct crash *crash, struct told_call *call)
{
	uint64_t enter_ns = call->is_heap ? call->heap.enter_ns : call->call.enter_ns;
	uint32_t tid = told_call_tid(call);
	struct probed_function function = {0};
	struct error *err;

	err = nothing_found(store_reader_marker_before(store, crash->record.space.id, tid, enter_ns, &call->before))
		?: nothing_found(store_reader_marker_after(store, crash->record.space.id, tid, enter_ns, &call->after))
		?: nothing_found(store_reader_function(
			store, call->is_heap ? call->heap.function_id : call->call.function_id, &function));
	if (err)
		return err;
	call->function = take_pointer(function.name);
	call->signature = take_pointer(function.signature);
	probed_function_deinit(&function);
	return NULL;
}

static struct error *add_stacks(struct store_reader *store, const struct crash *crash, struct crash_notes *notes,
				struct chronicle *chronicle)
{
	cleanup_free struct event_place *places = calloc(chronicle->count + 1, sizeof(*places));
	cleanup_free struct event_stack *stacks = calloc(chronicle->count + 1, sizeof(*stacks));
	struct error *err;

	if (!places || !stacks)
		return &error_no_memory;
	for (size_t i = 0; i < chronicle->count; i++) {
		const struct heap_event *heap = &chronicle->calls[i].heap;
		const struct call_event *call = &chronicle->calls[i].call;

		places[i] = chronicle->calls[i].is_heap
				    ? (struct event_place){heap->ip,	   heap->sp,	   heap->top_word,
							   heap->enter_ns, heap->stack_id, .at_entry = true}
				    : (struct event_place){call->ip,	   call->sp,	   call->top_word,
							   call->enter_ns, call->stack_id, .at_entry = true};
	}
	err = event_stacks_load(store, crash, places, chronicle->count, notes, stacks);
	for (size_t i = 0; i < chronicle->count && !err; i++)
		chronicle->calls[i].stack = stacks[i];
	return err;
}

struct error *assemble_chronicle(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct chronicle *chronicle = &assembly->crash.facts.chronicle;
	struct store_reader *store = request->store;
	struct error *err;

	if (!crash->record.known || !request->has_address)
		return NULL;
	chronicle->calls = calloc(2 * TOLD_LIMIT + 1, sizeof(*chronicle->calls));
	if (!chronicle->calls)
		return &error_no_memory;
	err = add_heap(store, crash, request->address, chronicle)
		      ?: add_calls(store, crash, request->address, chronicle);
	for (size_t i = 0; i < chronicle->count && !err; i++)
		err = add_surroundings(store, crash, &chronicle->calls[i]);
	return err ? err : add_stacks(store, crash, &assembly->crash.notes, chronicle);
}
