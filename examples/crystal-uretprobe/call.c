/* SPDX-License-Identifier: MIT */
/* libcall: a C library that calls its caller back. It has no bug. */
int call(int (*function)(int))
{
	return function(42) + 1;
}
