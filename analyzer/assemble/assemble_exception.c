/* SPDX-License-Identifier: MIT */
/* The way of the exception that ended the process, through the crashed thread's frames. */
#include <string.h>

#include "analyzer/assemble/assemble_steps.h"
#include "common/array.h"

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

	for (size_t i = 0; function && i < array_size(names); i++) {
		if (strcmp(function, names[i]) == 0)
			return true;
	}
	return false;
}

struct error *assemble_exception(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	struct exception_path *path = &assembly->crash.facts.exception;
	bool crystal = false;

	(void)request;
	*path = (struct exception_path){.thrown_at = SIZE_MAX, .caught_at = SIZE_MAX};
	if (!stack)
		return NULL;
	for (size_t i = 0; i < stack->frame_count; i++) {
		enum exception_handler handler;

		if (raises(stack->frames[i].symbol.function)) {
			path->thrown_at = i;
			crystal |= strcmp(stack->frames[i].symbol.function, "__crystal_raise") == 0;
			continue;
		}
		if (path->thrown_at == SIZE_MAX || path->caught_at != SIZE_MAX)
			continue;
		handler = exception_handler_at(crash->core.image, stack->frames[i].pc);
		/* Crystal's tables do not tell a rescue from an ensure. */
		if (crystal && handler == HANDLER_CLEANUP)
			handler = HANDLER_TYPED;
		if (handler == HANDLER_TYPED || handler == HANDLER_ALL || handler == HANDLER_TERMINATE) {
			path->caught_at = i;
			path->handler = handler;
		}
	}
	return NULL;
}
