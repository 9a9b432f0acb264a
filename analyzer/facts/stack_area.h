/* SPDX-License-Identifier: MIT */
/*
 * The stack that a thread ran on: its bounds, its guard, and how far the thread had come.
 *
 * A stack is known by who made it. The first thread's is the mapping that holds what AT_RANDOM points to, and grows by
 * itself down to RLIMIT_STACK (Linux mm/mmap.c, acct_stack_growth). Another thread's is in its thread descriptor, which
 * the register FS points to: glibc keeps start, size and guard size there in three words (nptl/descr.h, stackblock),
 * musl keeps mapping, size, stack top, stack size and guard size in five (src/internal/pthread_impl.h). A handler's
 * alternate stack is in the frame that the kernel pushed for it. Any other (a fiber's, a goroutine's) is a guess from
 * the mapping that holds the stack pointer.
 *
 * Ranges are half-open.
 */
#ifndef ANALYZER_STACK_AREA_H
#define ANALYZER_STACK_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/core/core.h"

enum stack_kind {
	STACK_UNKNOWN = 0,
	STACK_MAIN,	 /* of the first thread */
	STACK_THREAD,	 /* as its thread descriptor says */
	STACK_SIGNAL,	 /* an alternate signal stack */
	STACK_GOROUTINE, /* as Go's runtime says */
	STACK_OTHER,	 /* the mapping around the stack pointer, or above the guard that it is in */
};

struct stack_area {
	enum stack_kind kind;
	uint64_t start, end;  /* what can be used */
	uint64_t guard_start; /* [guard_start, start) may not be accessed; equal to start when there is no such range */
	uint64_t below_end;   /* end of the nearest accessible mapping below; 0: none */
};

/* Which memory an instruction touched, as far as stacks are concerned. */
enum touched_source { TOUCHED_UNKNOWN = 0, TOUCHED_SIGNAL, TOUCHED_INSTRUCTION };

/* Where the crashed thread stood on a stack: when it died, or when a signal handler interrupted it. */
struct stack_use {
	size_t frame; /* its frame, of the crashed thread; 0 for the death itself */
	uint64_t sp;
	struct stack_area area;
	enum touched_source touched_source;
	uint64_t touched;     /* the address, when known */
	bool touched_mapped;  /* and whether that page is mapped with any permission */
	bool has_inner_guard; /* the page is a guard inside the stack's mapping (MADV_GUARD_INSTALL): by the kernel's
			       * SEGV_MAPERR in a mapping that is there. `area` begins above it */
	bool sp_writable;     /* a signal frame could have been pushed at sp */
	int32_t number, code; /* the signal that it got there; 0 when not known */
};

/* The stack at `sp`, of a thread with these registers. `alternate`, unless it is of no bytes, is the alternate stack
 * that it runs a handler on. */
struct stack_range {
	uint64_t start, bytes;
};
void stack_area_find(const struct core *core, const uint64_t registers[CORE_REGISTERS], uint64_t sp,
		     struct stack_range alternate, struct stack_area *ret_area);

const char *stack_kind_name(enum stack_kind kind); /* "the main thread's stack" and so on */

#endif
