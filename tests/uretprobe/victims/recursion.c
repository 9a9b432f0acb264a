/* SPDX-License-Identifier: MIT */
/* descend calls itself until it is 100 deep, then leaf writes to address 0. The kernel hijacks 64 returns a thread. */
#include "victim.h"

int *volatile nowhere;

KEPT int leaf(int number)
{
	*nowhere = number;
	return number;
}

KEPT int descend(int depth)
{
	if (depth == 1)
		return leaf(depth) + 1;
	return descend(depth - 1) + depth;
}

int main(void)
{
	wait_for_line("ready");
	return descend(100) == 0;
}
