/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "parts.h"

void user_drop(void *block)
{
	free(block);
	__asm__ volatile("");
}

void user_fill(char *block, size_t from, size_t to)
{
	for (volatile char *at = block + from; at < block + to; at++)
		*at = 'A';
}

long user_look(const struct node *node)
{
	return node->previous->value;
}
