/* SPDX-License-Identifier: MIT */
/* A structure is returned in two registers, with null in it. */
#include "common.h"
struct slice { const char *data; size_t length; };
separate struct slice token(const char *text) { if (text[0] == '#') return (struct slice){text + 1, strlen(text)}; return (struct slice){NULL, 0}; }
separate int kind(const char *text) { struct slice slice = token(text); return slice.data[slice.length]; }
int main(int argc, char **argv) { (void)argc; printf("%d\n", kind("#a")); return kind(argv[0]); }
