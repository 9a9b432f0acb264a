/* SPDX-License-Identifier: MIT */
/* The same addresses are handed out and freed ten thousand times, all rightly; then it crashes for another reason. */
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static int look(const int *pointer)
{
	return *pointer;
}

int main(int argc, char **argv)
{
	void *kept[8];

	for (int i = 0; i < 10000; i++) {
		for (int j = 0; j < 8; j++)
			kept[j] = malloc(24 + (size_t)(i % 5) * 200);
		for (int j = 0; j < 8; j++) {
			memset(kept[j], i, 24);
			free(kept[j]);
		}
		free(NULL);
	}
	return look((const int *)(argc > 1 ? strtoul(argv[1], NULL, 0) : 0));
}
