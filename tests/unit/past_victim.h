/* SPDX-License-Identifier: MIT */
/* What past_victim.c keeps for test_event_stack.c: registers and stack at the entry of past_capture(). */
#ifndef TESTS_UNIT_PAST_VICTIM_H
#define TESTS_UNIT_PAST_VICTIM_H

#include <stdint.h>

struct capture {
	uint64_t registers[6]; /* rbx rbp r12 r13 r14 r15; past_victim.c knows these offsets */
	uint64_t sp;
	uint64_t ip;
	uint64_t stack_end;   /* where the stack's mapping ends; set by the caller, as the next one */
	uint64_t asked_bytes; /* how much to copy at most */
	uint64_t slice_bytes; /* how much was copied */
	int nothing;	      /* 0, which the compiler does not know */
	uint8_t slice[16384];
};

int past_capture(struct capture *capture);
int victim_run(const char *how, struct capture *capture);

#endif
