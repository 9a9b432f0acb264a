/* SPDX-License-Identifier: MIT */
/*
 * The stacks of recorded events: what was copied at the event, unwound now, with the files that were mapped then.
 *
 * Frames have the same trust marks as those of a crash. An event without a recorded stack still has its instruction
 * pointer and the word on top of its stack, so at most two frames.
 */
#ifndef ANALYZER_EVENT_STACK_H
#define ANALYZER_EVENT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/unwind/unwind.h"
#include "common/error.h"
#include "schema/record_stack.h"

struct crash;
struct crash_notes;
struct store_reader;

struct event_stack {
	struct frame *frames; /* innermost first */
	size_t frame_count;
	/* The first frame that is not of the C library, the dynamic linker or an allocator: who wanted it. frame_count
	 * when there is none before the stack ends or is lost. */
	size_t caller;
	char *end_reason;	/* NULL when the stack ended where threads begin */
	enum stack_state state; /* 0: no stack was recorded */
};
void event_stack_deinit(struct event_stack *stack);

/* Where and when an event happened: the fields of memory_event, heap_event and call_event. `time_ns` is its enter_ns.
 */
struct event_place {
	uint64_t ip, sp, top_word, time_ns;
	int64_t stack_id;
	bool at_entry; /* `ip` is the entry of a probed function, which is not its own caller */
};

/* Unwinds the stacks of `count` events of the crash's address space, in one child process. `ret_stacks` has room for
 * them; each is freed with event_stack_deinit(). What could not be had is an end_reason or a note. Needs the
 * record, and uses the core and the repaired trampoline. */
struct error *event_stacks_load(struct store_reader *store, const struct crash *crash, const struct event_place *places,
				size_t count, struct crash_notes *notes, struct event_stack *ret_stacks) must_check;

/* True for frames that stand between a program and what it asked for: the C library, the dynamic linker, the vdso,
 * allocators (by module, or by the names that their functions have everywhere), wrappers of system calls, and the
 * runtime parts of Go and Rust that do the same. Pure. */
bool event_stack_is_library(const struct frame *frame);

/* The same, and for the code of a language's standard library wherever it was compiled into: what C++ instantiates of
 * namespaces std and __gnu_cxx, Rust's alloc, core and std, and C++'s deleting destructors (Itanium C++ ABI, 2.6: D0),
 * which do nothing but what `delete` asks for. They do what their callers want, too. Pure. */
bool event_stack_is_standard(const struct frame *frame);

#endif
