/* SPDX-License-Identifier: MIT */
/*
 * Two functions of one shape call probed. main calls them by name (then main's own call tells which it was), or, with
 * an argument, through a pointer (then only the lost return address tells).
 */
#include "victim.h"

int *volatile nowhere;

KEPT int leaf(int number)
{
	*nowhere = number;
	return number;
}

KEPT int probed(int number)
{
	return leaf(number) + 1;
}

KEPT int left(int number)
{
	return probed(number) + 2;
}

KEPT int right(int number)
{
	return probed(number) + 3;
}

int (*volatile sides[2])(int) = {left, right};
volatile int which = 1;

int main(int argc, char **argv)
{
	(void)argv;
	wait_for_line("ready");
	if (argc > 1)
		return sides[which](1) == 0;
	if (which == 0)
		return left(1) == 0;
	return right(1) == 0;
}
