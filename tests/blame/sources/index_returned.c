/* SPDX-License-Identifier: MIT */
/* A lookup says "not found" by -1, which is used as an index into large elements. */
#include "common.h"
struct block { char bytes[1 << 20]; };
static struct block *blocks;
separate int slot_of(int key) { if (key > 3) return -2000000; return key; }
separate int first_byte(int key) { int slot = slot_of(key); return blocks[slot].bytes[0]; }
int main(int argc, char **argv) { (void)argv; blocks = calloc(4, sizeof(*blocks)); printf("%d\n", first_byte(1)); return first_byte(argc + 3); }
