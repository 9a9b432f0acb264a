/* SPDX-License-Identifier: MIT */
/* Where a call has its arguments at the function's first instruction, and its result at a return. Pure. */
#ifndef ANALYZER_PROBE_CALL_H
#define ANALYZER_PROBE_CALL_H

#include <stdbool.h>

#include "analyzer/probe/probe_plan.h"
#include "analyzer/probe/probe_spec.h"
#include "common/error.h"

enum probe_convention {
	PROBE_CALL_C,	     /* System V: rdi rsi rdx rcx r8 r9, then the stack */
	PROBE_CALL_GO,	     /* Go 1.17 and later: rax rbx rcx rdi rsi r8 r9 r10 r11, then the stack */
	PROBE_CALL_GO_STACK, /* before, and in assembly: arguments, then results, from rsp+8 on */
};

/* Fills the function's arguments and result from the types of `spec`. A Go method's receiver (of a pointer type, as its
 * name shows) and a generic function's dictionary come before what is written. ERROR_INVALID: a type that is not
 * understood, more than six words to record, a buffer whose length is no argument. */
struct error *probe_call_assign(struct probe_function *function, const struct probe_spec *spec,
				enum probe_convention convention) must_check;

#endif
