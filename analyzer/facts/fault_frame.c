/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/fault_frame.h"

static size_t fault_frame_number(const struct crash *crash)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];

	for (size_t i = 0; crash->facts.fault.in_handler && i < stack->frame_count; i++) {
		if (stack->frames[i].pc == crash->facts.fault.registers[CORE_RIP] &&
		    stack->frames[i].sp == crash->facts.fault.registers[CORE_RSP])
			return i;
	}
	return crash->facts.fault.in_handler ? SIZE_MAX : 0;
}

const struct frame *fault_frame_of(const struct crash *crash)
{
	size_t number = crash->facts.stacks.thread_count ? fault_frame_number(crash) : SIZE_MAX;

	return number != SIZE_MAX && number < crash->facts.stacks.threads[0].frame_count
		       ? &crash->facts.stacks.threads[0].frames[number]
		       : NULL;
}
