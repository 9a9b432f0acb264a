/* SPDX-License-Identifier: MIT */
/* A local variable that one branch leaves alone. */
#include "common.h"
struct entry { int id, size; };
static struct entry entries[2] = {{1, 2}, {3, 4}};
separate int size_of(int id)
{
	struct entry *entry;
	struct entry **where = &entry;

	if (id < 2)
		*where = &entries[id];
	return (*where)->size;
}
/* What earlier calls leave below the stack pointer. */
static inline __attribute__((always_inline)) void soil(uint64_t word)
{
	__asm__ volatile("mov %0, -16(%%rsp); mov %0, -24(%%rsp); mov %0, -32(%%rsp); mov %0, -40(%%rsp); mov %0, -48(%%rsp)" : : "r"(word) : "memory");
}
int main(int argc, char **argv) { (void)argv; printf("%d\n", size_of(1)); soil(0x4141000041410000ull); return size_of(argc + 1); }
