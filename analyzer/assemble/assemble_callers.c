/* SPDX-License-Identifier: MIT */
/* Who made the recorded calls that matter: their recorded stacks, and the frame on each that is the caller. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "common/cleanup.h"

#define SITE_LIMIT ((size_t)(2 + CRASH_VIEWS) * ASSEMBLE_CONTEXT_LIMIT + FAILED_CALLS)

/* Recorded calls whose callers are wanted. */
struct sites {
	struct event_place places[SITE_LIMIT];
	struct event_context *contexts[SITE_LIMIT];
	size_t count;
};

static void add_site(struct sites *sites, const struct event_place *place, struct event_context *context)
{
	if (!place->ip || sites->count == SITE_LIMIT)
		return;
	sites->places[sites->count] = *place;
	sites->contexts[sites->count++] = context;
}

/* The newest events that touch the page. */
static void add_biography(struct sites *sites, const struct biography *biography)
{
	size_t limit = sites->count + ASSEMBLE_CONTEXT_LIMIT;

	for (size_t i = biography->event_count; biography->contexts && i-- > 0 && sites->count < limit;) {
		const struct memory_event *event = &biography->events[i];

		if (timeline_touches_page(event, biography->address))
			add_site(sites,
				 &(struct event_place){
					 .ip = event->ip,
					 .sp = event->sp,
					 .top_word = event->top_word,
					 .time_ns = event->enter_ns,
					 .stack_id = event->stack_id,
				 },
				 &biography->contexts[i]);
	}
}

/* Of other processes nothing is known but the address. */
static void add_file_losses(struct sites *sites, struct crash *crash)
{
	for (size_t i = crash->facts.file_loss_count;
	     i-- > 0 && i + ASSEMBLE_CONTEXT_LIMIT >= crash->facts.file_loss_count;) {
		struct file_loss *loss = &crash->facts.file_losses[i];

		if (loss->call.pid == crash->record.process.pid)
			add_site(sites,
				 &(struct event_place){
					 .ip = loss->call.ip,
					 .sp = loss->call.sp,
					 .top_word = loss->call.top_word,
					 .time_ns = loss->call.enter_ns,
				 },
				 &loss->context);
	}
}

static void add_failures(struct sites *sites, struct failed_calls *failed)
{
	for (size_t i = 0; i < failed->count; i++)
		add_site(sites,
			 &(struct event_place){
				 .ip = failed->events[i].ip,
				 .sp = failed->events[i].sp,
				 .top_word = failed->events[i].top_word,
				 .time_ns = failed->events[i].enter_ns,
				 .stack_id = failed->events[i].stack_id,
			 },
			 &failed->contexts[i]);
}

static struct error *copy_text(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? &error_no_memory : NULL;
}

static struct error *copy_symbol(const struct symbol *from, struct symbol *to)
{
	*to = *from;
	to->module = to->function = to->inlined = to->file = NULL;
	return copy_text(from->module, &to->module)
		?: copy_text(from->function, &to->function)
		?: copy_text(from->inlined, &to->inlined)
		?: copy_text(from->file, &to->file);
}

/* The C library calls for itself, too (the stack of a thread that ended): then whoever called the wrapper. */
static size_t find_party(const struct event_stack *stack)
{
	if (stack->caller < stack->frame_count)
		return stack->caller;
	return stack->frame_count > 1 && stack->frames[1].trust != FRAME_LOST ? 1 : stack->frame_count;
}

/* A wrapper of a system call has no frame of its own: where it has no call frame information either, the saved frame
 * pointer is its caller's, and leads to the caller's caller. The word on top of the stack shows that one is left out.
 */
static bool leaves_out_caller(const struct event_stack *stack, uint64_t top_word)
{
	return stack->frame_count > 1 && event_stack_is_library(&stack->frames[0]) &&
	       stack->frames[1].trust == FRAME_POINTER && stack->frames[1].pc != top_word;
}

static struct error *name_parties(struct event_context *context, uint64_t top_word)
{
	const struct event_stack *stack = &context->stack;
	size_t party = find_party(stack);
	struct error *err = NULL;

	if (stack->frame_count > 0)
		err = copy_symbol(&stack->frames[0].symbol, &context->at);
	if (err || leaves_out_caller(stack, top_word))
		return err;
	if (party < stack->frame_count && stack->frames[party].trust == FRAME_TAIL_CALL) {
		err = copy_symbol(&stack->frames[party].symbol, &context->jumper);
		party++;
	}
	if (err || party >= stack->frame_count || stack->frames[party].trust == FRAME_LOST)
		return err;
	context->caller_address = stack->frames[party].pc;
	return copy_symbol(&stack->frames[party].symbol, &context->caller);
}

struct error *assemble_callers(const struct assemble_request *request, struct assembly *assembly)
{
	cleanup_free struct sites *sites = calloc(1, sizeof(*sites));
	struct crash *crash = &assembly->crash;
	struct event_stack stacks[SITE_LIMIT];
	struct error *err;

	if (!sites)
		return &error_no_memory;
	if (!crash->record.known)
		return NULL;
	if (crash->facts.has_biography)
		add_biography(sites, &crash->facts.biography);
	for (size_t i = 0; i < crash->facts.view_count; i++)
		add_biography(sites, &crash->facts.views[i].biography);
	add_file_losses(sites, crash);
	add_failures(sites, &crash->facts.failed_calls);
	if (!sites->count)
		return NULL;
	err = event_stacks_load(request->store, crash, sites->places, sites->count, &crash->notes, stacks);
	if (err)
		return err;
	for (size_t i = 0; i < sites->count; i++) {
		sites->contexts[i]->stack = stacks[i];
		if (!err)
			err = name_parties(sites->contexts[i], sites->places[i].top_word);
	}
	return err;
}
