/* SPDX-License-Identifier: MIT */
/* The same with an index. */
#include <sys/mman.h>
#include "common.h"
separate int at(const int *values, long index) { return values[index]; }
separate void shrink(void *start) { munmap((char *)start + 4096, 15 * 4096); }
int main(int argc, char **argv)
{
	int *values = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)argv;
	values[5000] = argc;
	shrink(values);
	return at(values, 5000);
}
