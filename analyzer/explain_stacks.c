/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "analyzer/call_site.h"
#include "analyzer/explain_internal.h"
#include "analyzer/tracers.h"
#include "common/cleanup.h"

/* Three addresses an event: where the system call was made; the word on top of the stack, less one to name the call's
 * line; and what that call called. */
#define ADDRESSES_AN_EVENT 3

static bool has_caller(const struct biography *biography, size_t index)
{
	return biography->events[index].ip && timeline_touches_page(&biography->events[index], biography->address);
}

static size_t collect_addresses(const struct crash *crash, uint64_t *addresses)
{
	const struct biography *biography = &crash->biography;
	size_t count = 0;

	for (size_t i = biography->event_count; i-- > 0 && count < ADDRESSES_AN_EVENT * EXPLAIN_CONTEXT_LIMIT;) {
		if (!has_caller(biography, i))
			continue;
		addresses[count++] = biography->events[i].ip;
		addresses[count++] = biography->events[i].top_word - 1;
		addresses[count++] = call_site_target(crash->core, biography->events[i].top_word);
	}
	return count;
}

static void move_symbol(struct symbol *from, struct symbol *to)
{
	*to = *from;
	*from = (struct symbol){0};
}

/* Names the parties of one event from its three addresses and their symbols. */
static void name_caller(const uint64_t *addresses, struct symbol *symbols, int64_t return_slot_offset,
			struct event_context *context)
{
	move_symbol(&symbols[0], &context->at);
	/* The word on top of the stack is the return address only where nothing has been pushed. */
	if (return_slot_offset != 0 || !symbols[1].module)
		return;
	context->caller_address = addresses[1] + 1;
	move_symbol(&symbols[1], &context->caller);
	context->caller.function_offset++;
	context->caller.module_offset++;
	/* The function that was called and the one that made the system call: if they differ, the first jumped to the
	 * second. */
	if (symbols[2].function && context->at.function &&
	    addresses[2] - symbols[2].function_offset != addresses[0] - context->at.function_offset)
		move_symbol(&symbols[2], &context->jumper);
}

static void spread_symbols(struct crash *crash, const uint64_t *addresses)
{
	struct biography *biography = &crash->biography;
	struct unwind_result *result = &crash->stacks;
	size_t used = 0;

	for (size_t i = biography->event_count; i-- > 0 && used + ADDRESSES_AN_EVENT <= result->symbol_count;) {
		if (!has_caller(biography, i))
			continue;
		name_caller(addresses + used, &result->symbols[used], result->return_slot_offsets[used],
			    &biography->contexts[i]);
		used += ADDRESSES_AN_EVENT;
	}
}

struct error *explain_unwind(const struct explain_request *request, struct crash *crash)
{
	uint64_t addresses[ADDRESSES_AN_EVENT * EXPLAIN_CONTEXT_LIMIT];
	struct repair_request repair_request = {.core = request->core, .addresses = addresses};
	struct error *err = NULL;

	if (crash->has_biography)
		repair_request.address_count = collect_addresses(crash, addresses);
	if (crash->has_signal_event) {
		repair_request.recorded_trampoline = crash->signal_event.trampoline;
		err = store_reader_return_instances(request->store, crash->signal_event.id, &crash->instances,
						    &crash->instance_count);
		repair_request.instances = crash->instances;
		repair_request.instance_count = crash->instance_count;
	}
	if (!err)
		err = repair_core(&repair_request, &crash->repair);
	if (err)
		return err;
	crash->stacks = crash->repair.stacks;
	crash->repair.stacks = (struct unwind_result){0};
	if (crash->recorded)
		err = tracers_name(request->store, crash);
	if (err)
		return err;
	if (crash->has_biography)
		spread_symbols(crash, addresses);
	if (crash->stacks.failure)
		err = crash_add_note(crash, "unwinding did not finish: %s", crash->stacks.failure);
	return err;
}

/* What raises exceptions: C++ (libstdc++, libc++), Rust, Crystal, by way of the unwinding library. */
static bool raises(const char *function)
{
	static const char *const names[] = {"__cxa_throw",
					    "__cxa_rethrow",
					    "_Unwind_RaiseException",
					    "_Unwind_Resume",
					    "_Unwind_Resume_or_Rethrow",
					    "rust_panic",
					    "__crystal_raise"};

	for (size_t i = 0; function && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(function, names[i]) == 0)
			return true;
	}
	return false;
}

void explain_follow_exception(struct crash *crash)
{
	const struct thread_stack *stack = crash->stacks.thread_count ? &crash->stacks.threads[0] : NULL;
	bool crystal = false;

	crash->exception = (struct exception_path){.thrown_at = SIZE_MAX, .caught_at = SIZE_MAX};
	if (!stack)
		return;
	for (size_t i = 0; i < stack->frame_count; i++) {
		enum exception_handler handler;

		if (raises(stack->frames[i].symbol.function)) {
			crash->exception.thrown_at = i;
			crystal |= strcmp(stack->frames[i].symbol.function, "__crystal_raise") == 0;
			continue;
		}
		if (crash->exception.thrown_at == SIZE_MAX || crash->exception.caught_at != SIZE_MAX)
			continue;
		handler = exception_handler_at(crash->core, stack->frames[i].pc);
		/* Crystal's tables do not tell a rescue from an ensure. */
		if (crystal && handler == HANDLER_CLEANUP)
			handler = HANDLER_TYPED;
		if (handler == HANDLER_TYPED || handler == HANDLER_ALL || handler == HANDLER_TERMINATE) {
			crash->exception.caught_at = i;
			crash->exception.handler = handler;
		}
	}
}
