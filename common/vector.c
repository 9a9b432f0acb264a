/* SPDX-License-Identifier: MIT */
#include "common/vector.h"

#include <stdint.h>

#define FIRST_CAPACITY 8

void *vector_grow(void *items, size_t *capacity, size_t needed, size_t item_bytes)
{
	size_t larger = *capacity / 2 * 3, bytes;
	void *grown;

	if (larger < FIRST_CAPACITY)
		larger = FIRST_CAPACITY;
	if (larger < needed)
		larger = needed;
	/* No object is larger than half of what there can be. */
	if (__builtin_mul_overflow(larger, item_bytes, &bytes) || bytes > PTRDIFF_MAX)
		return NULL;
	grown = realloc(items, bytes);
	if (grown)
		*capacity = larger;
	return grown;
}
