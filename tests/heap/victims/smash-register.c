/* SPDX-License-Identifier: MIT */
/* copy_line overruns its array up to the registers that it has saved, and not up to its return address: it comes back,
 * and its caller uses what it was given back as a pointer. The block that the text came from had been freed before. */
#include "smash.h"

struct item {
	struct item *next;
	long value;
};

KEPT static long measure(const char *line)
{
	return (long)line[0];
}

static char text[200];

/* All six registers that a function gives back are in use, so that any of them is saved. */
KEPT static long copy_line(size_t length)
{
	char line[40];
	long sum = 0;

	for (size_t i = 0; i < length; i++)
		((volatile char *)line)[i] = text[i];
	__asm__ volatile("" ::: "rbx", "rbp", "r12", "r13", "r14", "r15", "memory");
	sum = measure(line);
	return sum;
}

KEPT static struct item *make(struct item *next, long value)
{
	struct item *item = malloc(sizeof(*item));

	item->next = next;
	item->value = value;
	return item;
}

KEPT static void fetch(void)
{
	char *block = malloc(150);

	memset(block, 'R', 150);
	memcpy(text, block, 150);
	free(block);
}

/* The return address is at least that far from the array's start: the array, and then the six registers. */
#define UP_TO_RETURN (40 + 6 * 8)

int main(void)
{
	struct item *item = make(make(NULL, 2), 1);
	long sum;

	fetch();
	sum = copy_line(UP_TO_RETURN);
	return (int)(sum + item->value);
}
