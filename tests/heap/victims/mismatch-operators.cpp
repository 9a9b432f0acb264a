/* SPDX-License-Identifier: MIT */
/* A program's own operator new, which puts a header in front of each block. */
#include <cstdlib>
#include <new>

void *operator new(std::size_t size)
{
	char *block = static_cast<char *>(std::malloc(size + 16));

	return block + 16;
}

void operator delete(void *block) noexcept
{
	if (block)
		std::free(static_cast<char *>(block) - 16);
}

void operator delete(void *block, std::size_t) noexcept
{
	operator delete(block);
}
