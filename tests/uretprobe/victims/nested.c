/* SPDX-License-Identifier: MIT */
/*
 * main calls outer calls middle calls inner calls leaf, and leaf ends in the way that the argument names:
 *     null    writes to address 0
 *     held    the same, but waits before, with every function on the stack
 *     abort   abort()
 *     trap    an undefined instruction
 *     call    calls a null pointer
 */
#include <string.h>

#include "victim.h"

int *volatile nowhere;
int (*volatile nothing)(void);

KEPT int leaf(const char *end)
{
	if (strcmp(end, "held") == 0)
		wait_for_line("inside");
	if (strcmp(end, "abort") == 0)
		abort();
	if (strcmp(end, "trap") == 0)
		__builtin_trap();
	if (strcmp(end, "call") == 0)
		return nothing() + 1;
	*nowhere = 1;
	return 1;
}

KEPT int inner(const char *end)
{
	return leaf(end) + 1;
}

KEPT int middle(const char *end, int rounds)
{
	int sum = 0;

	for (int i = 0; i < rounds; i++)
		sum += inner(end) * i;
	return sum;
}

KEPT int outer(const char *end)
{
	char copy[64];

	strncpy(copy, end, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = 0;
	return middle(copy, 3) + copy[0];
}

int main(int argc, char **argv)
{
	wait_for_line("ready");
	return outer(argc > 1 ? argv[1] : "null") == 0;
}
