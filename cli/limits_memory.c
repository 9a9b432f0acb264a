/* SPDX-License-Identifier: MIT */
/*
 * The program's allocator: the one that it would have anyway, but that a failure under a memory limit (common/limits.h)
 * ends the work with its sentence. Libraries and our own code meet a NULL in a thousand places, and in some of them it
 * would mean a piece of evidence that is silently missing: a wrong answer instead of none.
 *
 * A program's own definitions come first in the search for a symbol, and RTLD_NEXT finds those that they hide: a
 * preloaded allocator's, else the C library's. free() and the rest are not hidden, so whatever is freed is freed where
 * it came from.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/limits.h"

#if !LIMITS_UNDER_SANITIZER

static void *(*next_malloc)(size_t size);
static void *(*next_calloc)(size_t count, size_t size);
static void *(*next_realloc)(void *pointer, size_t size);
static void *(*next_aligned_alloc)(size_t alignment, size_t size);
static int (*next_posix_memalign)(void **ret, size_t alignment, size_t size);

/* dlsym() allocates only for an error's text. Two threads that come here at once find the same. */
#define FIND(name)                                                                                                     \
	do {                                                                                                           \
		if (!next_##name)                                                                                      \
			*(void **)&next_##name = dlsym(RTLD_NEXT, #name);                                              \
		if (!next_##name)                                                                                      \
			abort();                                                                                       \
	} while (0)

void *malloc(size_t size)
{
	void *pointer;

	FIND(malloc);
	pointer = next_malloc(size);
	if (!pointer && size)
		limits_out_of_memory(size);
	return pointer;
}

void *calloc(size_t count, size_t size)
{
	void *pointer;
	size_t bytes;

	FIND(calloc);
	pointer = next_calloc(count, size);
	if (__builtin_mul_overflow(count, size, &bytes))
		bytes = SIZE_MAX;
	if (!pointer && bytes)
		limits_out_of_memory(bytes);
	return pointer;
}

void *realloc(void *pointer, size_t size)
{
	void *moved;

	FIND(realloc);
	moved = next_realloc(pointer, size);
	/* realloc(pointer, 0) frees, and its NULL is no failure. */
	if (!moved && size)
		limits_out_of_memory(size);
	return moved;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	void *pointer;

	FIND(aligned_alloc);
	pointer = next_aligned_alloc(alignment, size);
	if (!pointer && size)
		limits_out_of_memory(size);
	return pointer;
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	int error;

	FIND(posix_memalign);
	error = next_posix_memalign(ret, alignment, size);
	if (error == ENOMEM)
		limits_out_of_memory(size);
	return error;
}

#endif
