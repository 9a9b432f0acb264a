/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts: user stacks. Units and ownership: schema/record_recording.h.
 */
#ifndef SCHEMA_RECORD_STACK_H
#define SCHEMA_RECORD_STACK_H

#include <stdint.h>

/* Why there is no stack, or not all of one. */
enum stack_state {
	STACK_WHOLE = 1,      /* as many bytes as were asked for, or up to the end of the stack's mapping */
	STACK_UNREADABLE = 2, /* nothing could be read at the stack pointer */
	STACK_SKIPPED = 3,    /* the ring was filling up: events go before stacks */
};

/* A user stack at an event, as it was copied: registers and the memory from the stack pointer upwards. Nobody has
 * unwound it. The instruction pointer and the stack pointer are the event's. */
struct recorded_stack {
	int64_t id;
	enum stack_state state;
	uint64_t registers[6]; /* rbx rbp r12 r13 r14 r15: what call frame information can ask for at a call */
	uint32_t asked_bytes;  /* how much was to be copied at most; a slice of that size is cut off, not ended */
	uint32_t slice_bytes;
	uint8_t *slice; /* from the event's stack pointer on; NULL when slice_bytes is 0 */
};
void recorded_stack_deinit(struct recorded_stack *stack);

#endif
