/* SPDX-License-Identifier: MIT */
/* A good pointer and too large a constant. */
#include "common.h"
static char area[4096];
separate int peek(const char *at) { return at[0]; }
separate int probe(const char *start) { return peek(start + 0x40000000) + 1; }
int main(int argc, char **argv) { (void)argv; area[0] = (char)argc; return probe(area); }
