/* SPDX-License-Identifier: MIT */
/*
 * probed is only called through a pointer, by two functions of one shape, which are themselves called through a
 * pointer. Nothing in the core but the lost return address tells which of them it was.
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

int (*volatile target)(int) = probed;

KEPT int left(int number)
{
	return target(number) + 2;
}

KEPT int right(int number)
{
	return target(number) + 3;
}

int (*volatile sides[2])(int) = {left, right};

int main(int argc, char **argv)
{
	(void)argv;
	wait_for_line("ready");
	return sides[argc > 1](1) == 0;
}
