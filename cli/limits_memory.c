/* SPDX-License-Identifier: MIT */
/*
 * The program's allocator: the C library's, but that a failure under a memory limit (common/limits.h) ends the work
 * with its sentence. Libraries and our own code meet a NULL in a thousand places, and in some of them it would mean a
 * piece of evidence that is silently missing: a wrong answer instead of none.
 *
 * glibc lets a program replace its allocator, calls the replacement itself too, and keeps its own under other names
 * ("Replacing malloc", glibc manual). Where that is not so, a NULL is an ordinary error, "out of memory".
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/limits.h"

#if defined(__GLIBC__) && !LIMITS_UNDER_SANITIZER

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
	void *pointer = __libc_malloc(size);

	if (!pointer)
		limits_out_of_memory(size);
	return pointer;
}

void *calloc(size_t count, size_t size)
{
	void *pointer = __libc_calloc(count, size);
	size_t bytes;

	if (!pointer)
		limits_out_of_memory(__builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
	return pointer;
}

void *realloc(void *pointer, size_t size)
{
	void *moved = __libc_realloc(pointer, size);

	/* realloc(pointer, 0) frees, and its NULL is no failure. */
	if (!moved && size)
		limits_out_of_memory(size);
	return moved;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	void *pointer = __libc_memalign(alignment, size);

	if (!pointer)
		limits_out_of_memory(size);
	return pointer;
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *pointer;

	if (alignment % sizeof(void *) || !alignment || alignment & (alignment - 1))
		return EINVAL;
	pointer = __libc_memalign(alignment, size);
	if (!pointer) {
		limits_out_of_memory(size);
		return ENOMEM;
	}
	*ret = pointer;
	return 0;
}

#endif
