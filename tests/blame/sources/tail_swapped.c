/* SPDX-License-Identifier: MIT */
/* Arguments change places in a tail call: the null is the caller's second, and the last function's first. */
#include "common.h"
separate int copy(int *to, const int *from) { *to = 5 + (from != NULL); return *to; }
separate int copy_from(const int *from, int *to) { puts("copy"); return copy(to, from); }
separate int both(const int *from, int *to) { return copy_from(from, to) + 1; }
int main(int argc, char **argv) { (void)argv; return both(&argc, NULL); }
