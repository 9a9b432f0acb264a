/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "parts.h"

void *maker_make(size_t size)
{
	void *block = malloc(size);

	return block ?: (abort(), NULL);
}

struct node *maker_node(long value)
{
	struct node *node = calloc(1, sizeof(*node));

	node->value = value;
	return node;
}

void *maker_grow(void *block, size_t size)
{
	void *grown = realloc(block, size);

	return grown ?: (abort(), NULL);
}

void maker_drop(void *block)
{
	free(block);
	__asm__ volatile(""); /* no tail call */
}
