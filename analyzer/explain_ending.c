/* SPDX-License-Identifier: MIT */
#include "analyzer/ending.h"
#include "analyzer/explain_internal.h"

void explain_find_ending(struct crash *crash)
{
	const struct thread_stack *stack = crash->stacks.thread_count ? &crash->stacks.threads[0] : NULL;
	struct ending ending;

	ending_find(crash, &ending);
	if (ending.kind == ENDING_TERMINATE)
		thrown_find(crash->core, ending.caller != SIZE_MAX ? stack->frames[ending.caller].sp : 0,
			    &crash->thrown);
}
