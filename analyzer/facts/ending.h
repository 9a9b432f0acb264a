/* SPDX-License-Identifier: MIT */
/*
 * How a process ended itself: which of the known ways its crashed thread's frames show, and who called for it. Pure.
 *
 * The names are those that C and C++ runtimes, Rust and Go give the functions on that way; a stripped static program
 * shows none of them, and a stripped C library shows only those that it exports.
 */
#ifndef ANALYZER_ENDING_H
#define ANALYZER_ENDING_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/crash.h"

enum ending_kind {
	ENDING_NONE = 0,   /* no frame that sends a signal */
	ENDING_PLAIN,	   /* abort(), raise() or kill(), called by the program's own code */
	ENDING_LIBRARY,	   /* the C library found something wrong, and said so */
	ENDING_ASSERT,	   /* a failed assertion */
	ENDING_CANARY,	   /* __stack_chk_fail: the canary of a stack frame was overwritten */
	ENDING_FORTIFY,	   /* __chk_fail: a checked function would have written past its buffer */
	ENDING_TERMINATE,  /* std::terminate */
	ENDING_RUST_PANIC, /* a panic in a program where panics end the process */
	ENDING_GO_PANIC,   /* a panic that nothing recovered */
	ENDING_GO_THROW,   /* Go's runtime found something wrong */
};

struct ending {
	enum ending_kind kind;
	bool own;	 /* the process sent the signal to itself, by the signal's own word */
	size_t first;	 /* frame that sent the signal: of the crash, or below handlers that ran for that very signal */
	size_t teller;	 /* outermost frame of the known way: abort, __assert_fail, std::terminate; SIZE_MAX for NONE */
	size_t caller;	 /* first frame beyond it that is the program's; SIZE_MAX when none is known */
	bool in_handler; /* a signal handler did it, for another signal: `interruption` is that signal */
	size_t interruption;
};

void ending_find(const struct crash *crash, struct ending *ret_ending);

/* Did the process send this signal to itself? */
bool ending_is_own_signal(const struct crash *crash, const struct crash_signal *signal);

/* The frame's function is `name`, also as a local alias (__GI_…) or a part of it (….cold, .constprop.0). */
bool ending_is_function(const struct frame *frame, const char *name);

/* Code that stands between a program's own functions and the way of its ending: unwinders, std::, core::, runtime. */
bool ending_is_runtime(const struct frame *frame);

#endif
