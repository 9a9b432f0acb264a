/* SPDX-License-Identifier: MIT */
/*
 * Recorded calls for memory that failed in the thread that died, newest last: what the pointer that it used may be the
 * result of. Plain data, read by assemble/assemble_failures.c.
 */
#ifndef ANALYZER_FAILED_CALL_H
#define ANALYZER_FAILED_CALL_H

#include "analyzer/facts/biography.h"

#define FAILED_CALLS 8

struct failed_calls {
	struct memory_event events[FAILED_CALLS];
	struct event_context contexts[FAILED_CALLS];
	size_t count;
};

#endif
