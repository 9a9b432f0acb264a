/* SPDX-License-Identifier: MIT */
/* Why std::terminate was called, by the functions that the crashed thread's frames show above it. Pure. */
#ifndef ANALYZER_TERMINATE_REASON_H
#define ANALYZER_TERMINATE_REASON_H

#include "analyzer/crash.h"
#include "analyzer/facts/ending.h"

enum terminate_reason {
	TERMINATE_UNKNOWN = 0, /* the frames do not show who called it */
	TERMINATE_UNCAUGHT,    /* thrown, and nothing catches it */
	TERMINATE_NOEXCEPT,    /* it would have left a function that may throw nothing */
	TERMINATE_RETHROWN,    /* thrown again; where there is no exception the runtime calls std::terminate for that */
	TERMINATE_THREAD,      /* the destructor, or the assignment, of a std::thread that is joinable */
	TERMINATE_HEADER,      /* a header of libstdc++ that was inlined into the program: mostly that destructor */
	TERMINATE_PURE_VIRTUAL,
	TERMINATE_PROGRAM, /* the program's own code called it */
};

/* `ending` is of the kind ENDING_TERMINATE. */
enum terminate_reason terminate_reason_find(const struct crash *crash, const struct ending *ending);

/* Is it the end of an exception? Otherwise the runtime, or the program, called it without one. */
bool terminate_is_of_exception(const struct crash *crash, enum terminate_reason reason);

#endif
