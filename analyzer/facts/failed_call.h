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
	struct memory_event *events; /* at most FAILED_CALLS; owned */
	struct event_context *contexts; /* one an event; owned */
	size_t count;
};

#endif
