/* SPDX-License-Identifier: MIT */
/* A local variable that one branch leaves alone. */
#include "common.h"
struct entry { int id, size; };
static struct entry entries[2] = {{1, 2}, {3, 4}};
separate int fill(int n) { volatile uint64_t words[40]; for (int i = 0; i < 40; i++) words[i] = 0x4141000041410000ull + (unsigned)n; return (int)words[n]; }
separate int size_of(int id)
{
	struct entry *entry;
	struct entry **where = &entry;

	if (id < 2)
		*where = &entries[id];
	return (*where)->size;
}
int main(int argc, char **argv) { (void)argv; printf("%d\n", size_of(1)); fill(argc); return size_of(argc + 1); }
