/* SPDX-License-Identifier: MIT */
/* A function in the middle passes null where it was given something good. */
#include "common.h"
struct options { int verbose, depth; };
separate int descend(const char *path, const struct options *options) { return (int)strlen(path) + options->depth; }
separate int scan(const char *path, const struct options *options)
{
	if (options->verbose)
		puts(path);
	return descend(path, NULL) + 1;
}
int main(int argc, char **argv) { struct options options = {argc, 3}; return scan(argv[0], &options); }
