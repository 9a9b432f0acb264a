/* SPDX-License-Identifier: MIT */
/*
 * How a process ended itself: which of the known ways its crashed thread's frames show, and who called for it. Pure.
 *
 * That the thread sent the signal itself is told by the system call that it is in (signal_call.h); the frames then tell
 * the way there. The names are those that C and C++ runtimes, Rust and Go give the functions on that way; a stripped
 * static program shows none of them, a stripped C library shows only those that it exports, and a library that is gone
 * shows nothing: then the way is lost, and what was not seen is not concluded.
 */
#ifndef ANALYZER_ENDING_H
#define ANALYZER_ENDING_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/crash.h"

enum ending_kind {
	ENDING_NONE = 0,   /* the thread did not send it, or its frames do not show how */
	ENDING_PLAIN,	   /* abort(), raise() or kill(), or a system call of the program's own code */
	ENDING_LIBRARY,	   /* the C library found something wrong, and said so */
	ENDING_SANITIZER,  /* a sanitizer that the program was built with had found an error */
	ENDING_ASSERT,	   /* a failed assertion */
	ENDING_CANARY,	   /* __stack_chk_fail: the canary of a stack frame was overwritten */
	ENDING_FORTIFY,	   /* __chk_fail: a checked function would have written past its buffer */
	ENDING_TERMINATE,  /* std::terminate */
	ENDING_RUST_PANIC, /* a panic in a program where panics end the process */
	ENDING_GO_PANIC,   /* a panic that nothing recovered */
	ENDING_GO_THROW,   /* Go's runtime found something wrong */
};

/* Why the frames do not tell who called for it. */
enum ending_lost {
	LOST_NOT = 0,
	LOST_GONE,     /* `lost_frame` is in a module whose file is not there (crash.core.gone_modules) */
	LOST_NAMELESS, /* `lost_frame` has no name: its module is stripped. SIZE_MAX: the stack ends before it */
};

struct ending {
	enum ending_kind kind;
	bool own;   /* the process sent the signal to itself: by the signal's own word, as recorded, or by `sends` */
	bool sends; /* the crashed thread is in the system call that sent it */
	enum ending_lost lost;
	size_t lost_frame;
	size_t first; /* frame that sent the signal: of the crash, or below handlers that ran for that very signal */
	/* Outermost frame of the known way: abort, __assert_fail, std::terminate; the `caller` itself where that makes
	 * the system call with code of its own; SIZE_MAX for NONE. */
	size_t teller;
	size_t caller;	 /* first frame beyond it that is the program's; SIZE_MAX when none is known */
	bool in_handler; /* a signal handler did it, for another signal: `interruption` is that signal */
	size_t interruption;
};

void ending_find(const struct crash *crash, struct ending *ret_ending);

/* Did the process send this signal to itself, by the signal's own word? */
bool ending_is_own_signal(const struct crash *crash, const struct crash_signal *signal);

/* The frame's function is `name`, also as a local alias (__GI_…) or a part of it (….cold, .constprop.0). */
bool ending_is_function(const struct frame *frame, const char *name);

/* Code that stands between a program's own functions and the way of its ending: unwinders, std::, core::, runtime. */
bool ending_is_runtime(const struct frame *frame);

#endif
