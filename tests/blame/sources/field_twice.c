/* SPDX-License-Identifier: MIT */
/* main sets the field to null, then a function that fails does so again: that one is to blame, and gone. */
#include "common.h"
struct loader { const char *path; int *table; };
separate int load(struct loader *loader) { loader->table = loader->path[0] == '#' ? malloc(64) : NULL; return 0; }
separate int entry(const struct loader *loader, int i) { return loader->table[i]; }
int main(int argc, char **argv)
{
	struct loader loader;

	loader.path = argv[0];
	loader.table = NULL;
	load(&loader);
	return entry(&loader, argc);
}
