/* SPDX-License-Identifier: MIT */
/*
 * An allocator that was entered twice by one thread: a signal interrupted a call of it, and the handler called it
 * again. No allocator may be (signal-safety(7)). Pure; by the frames of the crashed thread alone.
 */
#ifndef ANALYZER_REENTRY_H
#define ANALYZER_REENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/crash.h"

struct reentry {
	size_t inner;	     /* frame of the outermost allocator function that the handler called */
	size_t caller;	     /* first frame beyond it: the handler, or what it called */
	size_t outer;	     /* frame of the allocator function that was interrupted */
	size_t interruption; /* of crash->facts.interruptions: between the two */
};

/* True only where the crashed thread was in the inner call when it died, by a fault or by its own abort, and where the
 * handler was called for a signal that came from outside: one for a fault in the allocator is the end of that fault. */
bool reentry_find(const struct crash *crash, struct reentry *ret_reentry);

/* The same, for the causes of the heap: what they would find in it is the second call's doing. */
bool reentry_is_seen(const struct crash *crash);

#endif
