/* SPDX-License-Identifier: MIT */
/* A structure is passed by value, with null in it. */
#include "common.h"
struct slice { const char *data; size_t length; };
struct span { const char *data; size_t length, capacity; };
separate int first(struct slice slice) { return slice.data[slice.length]; }
separate int last(struct span span) { return first((struct slice){span.data, span.length}) + (int)span.capacity; }
separate int parse(size_t length) { struct span span = {NULL, length, 8}; return last(span) + 1; }
int main(int argc, char **argv) { (void)argv; return parse((size_t)argc); }
