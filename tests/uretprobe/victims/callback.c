/* SPDX-License-Identifier: MIT */
/* The C function between: calls back into the program, in whatever language that is written. */
int call(int (*function)(int))
{
	return function(42) + 1;
}
