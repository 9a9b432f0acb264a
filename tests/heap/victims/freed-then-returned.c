/* SPDX-License-Identifier: MIT */
/* A pointer is read from a freed block that holds text by now, by a function that returns it: no stack was overrun,
 * though the text lies on the stack as well, in an array that is long enough. */
#include "smash.h"

struct item {
	long value;
	struct item *next;
};

static struct item *last;

KEPT static struct item *next_of(struct item *item)
{
	return item->next;
}

KEPT static void fill(void)
{
	char line[64];

	memset(line, 'F', sizeof(line));
	__asm__ volatile("" ::"r"(line) : "memory");
	memcpy(last, line, sizeof(*last)); /* through a pointer that is stale as well */
}

int main(void)
{
	struct item *item = malloc(2000);

	item->next = item;
	last = item;
	malloc(16);
	free(item);
	fill();
	return (int)next_of(item)->value;
}
