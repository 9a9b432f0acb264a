/* SPDX-License-Identifier: MIT */
/* The same with local variables: the pointer had its own value. */
#include "common.h"
static int counters[2];
separate int *counter_of(int i) { if (i > 1) return NULL; return &counters[i]; }
separate void copy_name(char *to, const char *from, size_t length) { for (size_t i = 0; i < length; i++) to[i] = from[i]; }
separate int count(const char *name, size_t length, int i)
{
	struct { char name[16]; int *counter; } local;

	local.counter = counter_of(i);
	copy_name(local.name, name, length);
	return ++*local.counter + local.name[0];
}
int main(int argc, char **argv) { static const char name[32] = "abc"; (void)argv; printf("%d\n", count(name, 4, 0)); return count(name, 24, argc); }
