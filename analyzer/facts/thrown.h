/* SPDX-License-Identifier: MIT */
/*
 * The C++ exception that was being thrown or handled when the process died: its type, and what it says.
 *
 * Found by the header that the runtime puts in front of every exception object (Itanium C++ ABI, "Exception Handling",
 * 2.2.1; libstdc++'s unwind-cxx.h): its last 32 bytes are the unwinder's, and begin with the vendor's name for the
 * class of exception. The runtime's own list is looked at first: it hangs from a thread-local variable, which lies in
 * the block below the thread pointer where libstdc++ was there from the start. Else any word on the stack that points
 * to such an object.
 *
 * what() cannot be called. The text is read where the type is known to keep it: types derived from std::runtime_error
 * and std::logic_error, strings, and numbers.
 */
#ifndef ANALYZER_THROWN_H
#define ANALYZER_THROWN_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/core/core.h"

struct thrown {
	bool found;
	bool from_list;	 /* in the runtime's own list; otherwise from a word on the stack */
	uint64_t object; /* its address */
	char type[256];	 /* "shop::OrderError"; mangled where it cannot be read otherwise; "" when not known */
	bool has_text;
	char text[512]; /* what it says, as far as it fits: the process's bytes */
};

/* Looks for it in the first thread: below its thread pointer, then on its stack from the stack pointer up to `limit`.
 */
void thrown_find(const struct core *core, uint64_t limit, struct thrown *ret_thrown);

#endif
