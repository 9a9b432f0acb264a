/* SPDX-License-Identifier: MIT */
/*
 * The heap functions of a space, as a plan: malloc and its kin, C++'s operators new and delete, under the names that
 * glibc, musl, jemalloc, tcmalloc and mimalloc give them.
 *
 * Which definition of malloc a program uses is decided when it starts (the first in the order of loading), so all of
 * them are planned; those that are not used stay silent. A call that one heap function makes of another (operator new
 * of malloc) is seen as two calls of one block.
 */
#ifndef ANALYZER_PROBE_HEAP_H
#define ANALYZER_PROBE_HEAP_H

#include "analyzer/probe/probe_plan.h"
#include "analyzer/probe/probe_space.h"

/* Plans the heap functions of all objects of the space; or, when `objects` is given, of those. Without a target, first
 * adds the allocators and C++ libraries of the linker's cache, and with one the C++ libraries, which may be opened
 * later. ERROR_NOT_FOUND when there is none, with the reason (a static, stripped program; one that has no malloc). */
struct error *probe_heap_add(struct probe_plan *plan, struct probe_space *space, const size_t *objects,
			     size_t object_count) must_check;

#endif
