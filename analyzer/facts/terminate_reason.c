/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/terminate_reason.h"

#include <string.h>

#include "analyzer/words.h"

/* Frames that are read above std::terminate. */
#define SEARCH_MAX 12

static bool begins(const struct frame *frame, const char *name)
{
	return frame->symbol.function && strncmp(frame->symbol.function, name, strlen(name)) == 0;
}

/* std::__terminate(), which is inlined into what calls it, is in this header (libstdc++ since 12); a program that calls
 * std::terminate itself has its own file there. */
static bool is_libstdcxx_header(const struct frame *frame)
{
	return frame->symbol.file && strcmp(words_base_name(frame->symbol.file), "c++config.h") == 0;
}

enum terminate_reason terminate_reason_find(const struct crash *crash, const struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	bool in_personality = false;

	if (ending_is_function(&stack->frames[ending->teller], "__clang_call_terminate"))
		return TERMINATE_NOEXCEPT;
	for (size_t i = ending->first; i < stack->frame_count && i < ending->teller + SEARCH_MAX; i++) {
		const struct frame *frame = &stack->frames[i];

		if (ending_is_function(frame, "__cxa_pure_virtual") ||
		    ending_is_function(frame, "__cxa_deleted_virtual"))
			return TERMINATE_PURE_VIRTUAL;
		in_personality |= begins(frame, "__gxx_personality") ||
				  ending_is_function(frame, "__cxa_call_terminate") ||
				  begins(frame, "_Unwind_RaiseException") || begins(frame, "_Unwind_Resume");
		if (ending_is_function(frame, "__cxa_throw"))
			return in_personality ? TERMINATE_NOEXCEPT : TERMINATE_UNCAUGHT;
		if (ending_is_function(frame, "__cxa_rethrow") || begins(frame, "_ZSt17rethrow_exception"))
			return in_personality ? TERMINATE_NOEXCEPT : TERMINATE_RETHROWN;
		if (begins(frame, "_ZNSt6threadD") || begins(frame, "_ZNSt6threadaS") ||
		    begins(frame, "_ZNSt3__16threadD"))
			return TERMINATE_THREAD;
		/* Inlined: the program's own function, right above. */
		if (i > ending->teller && !ending_is_runtime(frame))
			break;
	}
	if (in_personality)
		return TERMINATE_NOEXCEPT;
	if (ending->caller == SIZE_MAX || ending->caller > ending->teller + 1)
		return TERMINATE_UNKNOWN;
	return is_libstdcxx_header(&stack->frames[ending->caller]) ? TERMINATE_HEADER : TERMINATE_PROGRAM;
}

bool terminate_is_of_exception(const struct crash *crash, enum terminate_reason reason)
{
	switch (reason) {
	case TERMINATE_UNCAUGHT:
	case TERMINATE_NOEXCEPT:
	case TERMINATE_UNKNOWN:
		return true;
	case TERMINATE_RETHROWN:
	case TERMINATE_PROGRAM:
		return crash->facts.thrown.found;
	default:
		return false;
	}
}
