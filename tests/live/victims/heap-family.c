/* SPDX-License-Identifier: MIT */
/*
 * Calls every heap function once and prints what a recorder must have seen of it: a line "role old block size
 * alignment" for each, with 0 for what it does not have. Prints at the end, with write(2), so that printing allocates
 * nothing.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char text[16384];
static size_t used;

static void *told(const char *role, uintptr_t old, void *block, size_t size, size_t alignment)
{
	used += (size_t)snprintf(text + used, sizeof(text) - used, "%s 0x%lx 0x%lx %zu %zu\n", role, (unsigned long)old,
				 (unsigned long)(uintptr_t)block, size, alignment);
	return block;
}

static void give_back(void *block)
{
	told("free", (uintptr_t)block, NULL, 0, 0);
	free(block);
}

/* The old address in a variable of its own: using the pointer after realloc is what compilers warn of. */
static void *resized(void *block, size_t size)
{
	uintptr_t old = (uintptr_t)block;

	return told("realloc", old, realloc(block, size), size, 0);
}

int main(void)
{
	/* Not constants: compilers know these functions, and take away what nobody looks at. */
	volatile size_t small = 24, middle = 3000, large = 300000, two = 2;
	void *blocks[16] = {0}, *aligned = NULL;
	size_t count = 0;

	blocks[count++] = told("malloc", 0, malloc(small), small, 0);
	blocks[count++] = told("malloc", 0, malloc(large), large, 0);
	/* Of three sizes, for glibc clears them in three ways. */
	blocks[count++] = told("calloc", 0, calloc(two, small), two * small, 0);
	blocks[count++] = told("calloc", 0, calloc(two, middle), two * middle, 0);
	blocks[count++] = told("calloc", 0, calloc(two, large), two * large, 0);
	give_back(blocks[3]);
	blocks[3] = told("calloc", 0, calloc(two, middle), two * middle, 0);
	blocks[count++] = resized(NULL, small);
	blocks[count - 1] = resized(blocks[count - 1], middle);
	blocks[count - 1] = resized(blocks[count - 1], large);
	blocks[count++] = told("reallocarray", 0, reallocarray(NULL, two, middle), two * middle, 0);
	blocks[count++] = told("aligned_alloc", 0, aligned_alloc(256, 512), 512, 256);
	blocks[count++] = told("aligned_alloc", 0, memalign(128, small), small, 128);
	if (posix_memalign(&aligned, 64, middle) == 0)
		blocks[count++] = told("posix_memalign", 0, aligned, middle, 64);
	blocks[count++] = told("malloc", 0, valloc(small), small, 0);
	for (size_t i = 0; i < count; i++)
		give_back(blocks[i]);
	give_back(NULL);
	return write(STDOUT_FILENO, text, used) == (ssize_t)used ? 0 : 1;
}
