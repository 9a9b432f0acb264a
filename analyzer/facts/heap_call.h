/* SPDX-License-Identifier: MIT */
/*
 * The allocator's call on the crashed thread's stack, and the pointer that it was given. Facts from the core alone.
 */
#ifndef ANALYZER_HEAP_CALL_H
#define ANALYZER_HEAP_CALL_H

#include "analyzer/crash.h"

/* What a function of that name is: HEAP_CALL_NONE for all that no allocator offers. Names as symbol tables have them
 * (malloc, _ZdlPvm, je_free, tc_delete, __libc_free). */
enum heap_call_kind heap_call_kind_of(const char *function);

/* The outermost function of an allocator near the crashed thread's innermost frame, with nothing but libraries below
 * it: a call that was at work, not one further out. Where the allocator itself aborted (`aborted`), the nearest such
 * function is that call, whatever the frames below it are called: in a static program nothing tells them apart. kind
 * HEAP_CALL_NONE when there is none. Pure. */
void heap_call_find(const struct crash *crash, bool aborted, struct heap_call *ret_call);

/* The pointer given to a free or realloc of glibc that ended in abort(). Functions inside keep the block, its chunk (16
 * bytes lower), or both in registers that they save on the stack, between the stack pointer at death and the caller's
 * frame. A pair counts, and a chunk of the heap alone, where what stands there fits what glibc complained of; and the
 * header that breaks the walk through the heap (`broken_at`, 0 for none). Returns 0 unless exactly one does. */
uint64_t heap_call_find_pointer(const struct crash *crash, const struct heap_call *call, uint64_t broken_at);

#endif
