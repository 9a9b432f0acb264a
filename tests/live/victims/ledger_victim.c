/* SPDX-License-Identifier: MIT */
/* Calls probed() until its standard input ends; with an argument, exits with that status from inside a call of it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((noinline)) int inner(int status)
{
	__asm__ volatile("");
	if (status >= 0)
		_exit(status);
	return status;
}

__attribute__((noinline)) int probed(int status)
{
	int result = inner(status);

	__asm__ volatile("");
	return result + 1;
}

int main(int argc, char **argv)
{
	char byte;

	if (argc > 1) {
		probed(-1);
		return probed(atoi(argv[1]));
	}
	while (read(STDIN_FILENO, &byte, 1) > 0) {
		probed(-1);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
