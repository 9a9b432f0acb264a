/* SPDX-License-Identifier: MIT */
/* A good pointer into memory whose end was given back. */
#include <unistd.h>
#include "common.h"
separate int first(const char *text) { return text[0]; }
int main(int argc, char **argv)
{
	char *heap = sbrk(16 * 4096);

	(void)argv;
	heap[9 * 4096] = (char)argc;
	sbrk(-12 * 4096);
	return first(heap + 9 * 4096);
}
