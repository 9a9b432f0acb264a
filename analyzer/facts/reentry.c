/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/reentry.h"

#include <signal.h>
#include <stdint.h>

#include "analyzer/facts/ending.h"
#include "analyzer/facts/heap_call.h"

/* Functions of an allocator that one of its calls goes through. */
#define DEPTH_MAX 12

static bool is_allocator(const struct frame *frame)
{
	return frame->symbol.function && heap_call_kind_of(frame->symbol.function) != HEAP_CALL_NONE;
}

/* The last of the allocator's functions in [start, end); SIZE_MAX: none. All frames before it were called by it. */
static size_t outermost(const struct thread_stack *stack, size_t start, size_t end)
{
	size_t found = SIZE_MAX;

	for (size_t i = start; i < end && i < start + DEPTH_MAX; i++) {
		if (is_allocator(&stack->frames[i]))
			found = i;
		else if (found != SIZE_MAX)
			break;
	}
	return found;
}

static bool is_from_outside(const struct crash *crash, const struct crash_signal *signal)
{
	bool is_fault = signal->number == SIGSEGV || signal->number == SIGBUS || signal->number == SIGILL ||
			signal->number == SIGFPE || signal->number == SIGTRAP || signal->number == SIGSYS;

	if (signal->number == SIGABRT)
		return !ending_is_own_signal(crash, signal);
	return signal->number && !(is_fault && signal->code > 0);
}

bool reentry_find(const struct crash *crash, struct reentry *ret_reentry)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	struct ending ending;
	size_t start = 0;

	ending_find(crash, &ending);
	if (!stack || (!crash->facts.fault.is_fault && !(ending.own && ending.sends)))
		return false;
	for (size_t i = 0; i < crash->facts.interruption_count; i++) {
		const struct interruption *interruption = &crash->facts.interruptions[i];
		size_t inner = SIZE_MAX, outer, at = interruption->frame;

		if (!at || at >= stack->frame_count)
			return false;
		for (size_t j = start; j < at && inner == SIZE_MAX; j++)
			inner = is_allocator(&stack->frames[j]) ? outermost(stack, j, at) : SIZE_MAX;
		outer = SIZE_MAX;
		for (size_t j = at; j < stack->frame_count && j < at + DEPTH_MAX && outer == SIZE_MAX; j++)
			outer = is_allocator(&stack->frames[j]) ? outermost(stack, j, stack->frame_count) : SIZE_MAX;
		if (inner != SIZE_MAX && inner + 1 < at && outer != SIZE_MAX &&
		    is_from_outside(crash, &interruption->signal)) {
			*ret_reentry = (struct reentry){inner, inner + 1, outer, i};
			return true;
		}
		start = at;
	}
	return false;
}

bool reentry_is_seen(const struct crash *crash)
{
	struct reentry reentry;

	return reentry_find(crash, &reentry);
}
