/* SPDX-License-Identifier: MIT */
/* What malloc gave is given to operator delete. */
#include <cstdlib>
#include <cstring>

__attribute__((noinline)) static void *make()
{
	return std::malloc(100);
}

__attribute__((noinline)) static void drop(void *block)
{
	::operator delete(block);
	__asm__ volatile("");
}

int main()
{
	void *block = make(), *other = make();

	std::memset(block, 1, 100);
	drop(block);
	return other == nullptr;
}
