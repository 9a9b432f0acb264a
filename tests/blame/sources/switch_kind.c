/* SPDX-License-Identifier: MIT */
/* The lookup is a switch. */
#include "common.h"
struct driver { int unit; };
static struct driver drivers[6];
separate struct driver *driver_for(int kind)
{
	switch (kind) {
	case 0: puts("zero"); return &drivers[0];
	case 2: puts("two"); return &drivers[1];
	case 3: puts("three"); return &drivers[2];
	case 4: puts("four"); return &drivers[3];
	case 5: puts("five"); return &drivers[4];
	case 6: puts("six"); return &drivers[5];
	default: return NULL;
	}
}
separate int start(int kind) { return driver_for(kind)->unit; }
int main(int argc, char **argv) { (void)argv; printf("%d\n", start(3)); return start(argc); }
