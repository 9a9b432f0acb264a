/* SPDX-License-Identifier: MIT */
/* A bad index is passed down as a constant. */
#include "common.h"
static int table[16];
separate int pick(const int *values, long index) { return values[index]; }
separate int choose(long index) { return pick(table, index) + 1; }
int main(int argc, char **argv) { (void)argv; return choose(argc) + choose(2000000000); }
