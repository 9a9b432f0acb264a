/* SPDX-License-Identifier: MIT */
/* Who made the biography's calls: their recorded stacks, and the frame on each that is the caller. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/explain_internal.h"
#include "common/cleanup.h"

static bool has_caller(const struct biography *biography, size_t index)
{
	return biography->events[index].ip && timeline_touches_page(&biography->events[index], biography->address);
}

static struct error *copy_text(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? &error_no_memory : NULL;
}

static struct error *copy_symbol(const struct symbol *from, struct symbol *to)
{
	struct error *err;

	*to = *from;
	to->module = to->function = to->file = NULL;
	err = copy_text(from->module, &to->module);
	if (!err)
		err = copy_text(from->function, &to->function);
	if (!err)
		err = copy_text(from->file, &to->file);
	return err;
}

/* The C library calls for itself, too (the stack of a thread that ended): then whoever called the wrapper. */
static size_t find_party(const struct event_stack *stack)
{
	if (stack->caller < stack->frame_count)
		return stack->caller;
	return stack->frame_count > 1 && stack->frames[1].trust != FRAME_LOST ? 1 : stack->frame_count;
}

static struct error *name_parties(struct event_context *context)
{
	const struct event_stack *stack = &context->stack;
	size_t party = find_party(stack);
	struct error *err = NULL;

	if (stack->frame_count > 0)
		err = copy_symbol(&stack->frames[0].symbol, &context->at);
	if (!err && party < stack->frame_count && stack->frames[party].trust == FRAME_TAIL_CALL) {
		err = copy_symbol(&stack->frames[party].symbol, &context->jumper);
		party++;
	}
	if (err || party >= stack->frame_count || stack->frames[party].trust == FRAME_LOST)
		return err;
	context->caller_address = stack->frames[party].pc;
	return copy_symbol(&stack->frames[party].symbol, &context->caller);
}

struct error *explain_event_stacks(struct store_reader *store, struct crash *crash)
{
	struct biography *biography = &crash->biography;
	struct event_place places[EXPLAIN_CONTEXT_LIMIT] = {0};
	struct event_stack stacks[EXPLAIN_CONTEXT_LIMIT];
	size_t indices[EXPLAIN_CONTEXT_LIMIT];
	size_t count = 0;
	struct error *err;

	if (!crash->recorded || !crash->has_biography)
		return NULL;
	for (size_t i = biography->event_count; i-- > 0 && count < EXPLAIN_CONTEXT_LIMIT;) {
		const struct memory_event *event = &biography->events[i];

		if (!has_caller(biography, i))
			continue;
		indices[count] = i;
		places[count++] = (struct event_place){
			.ip = event->ip,
			.sp = event->sp,
			.top_word = event->top_word,
			.time_ns = event->enter_ns,
			.stack_id = event->stack_id,
		};
	}
	if (!count)
		return NULL;
	err = event_stacks_load(store, crash, places, count, stacks);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		struct event_context *context = &biography->contexts[indices[i]];

		context->stack = stacks[i];
		if (!err)
			err = name_parties(context);
	}
	return err;
}
