/* SPDX-License-Identifier: MIT */
/*
 * The allocator's functions, in front of those of the allocator that is loaded: each call that a thread makes while it
 * is in an operation is written down as a heap recorder would, a free at its entry, all others at entry and return.
 */
#ifndef TESTS_ALLOCATORS_FRONT_H
#define TESTS_ALLOCATORS_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/allocators/log.h"

struct front_thread {
	uint32_t tid;
	uint32_t operation; /* 0: what is called is not written down */
	uint32_t depth;	    /* recorded calls that have not returned */
	uint64_t random;    /* of front_draw; not 0 */
};

extern _Thread_local struct front_thread self;
extern struct allocator_log *front_log; /* set before the first operation */

/* False when the allocator has no malloc. The operators are libstdc++'s where it has none of its own. */
bool front_begin(void);
/* By its name in the symbol table. */
bool front_has(const char *name);
size_t front_usable_size(void *block);
/* A number below `bound`. */
uint64_t front_draw(uint64_t bound);

/* operator new and delete in their forms, by their names in the Itanium C++ ABI. `tag`: std::nothrow. */
void *_Znwm(size_t size);
void *_Znam(size_t size);
void *_ZnwmRKSt9nothrow_t(size_t size, const void *tag);
void *_ZnwmSt11align_val_t(size_t size, size_t alignment);
void _ZdlPv(void *block);
void _ZdaPv(void *block);
void _ZdlPvm(void *block, size_t size);
void _ZdaPvm(void *block, size_t size);
void _ZdlPvRKSt9nothrow_t(void *block, const void *tag);
void _ZdlPvSt11align_val_t(void *block, size_t alignment);

#endif
