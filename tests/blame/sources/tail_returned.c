/* SPDX-License-Identifier: MIT */
/* What a tail call returned. */
#include "common.h"
struct pool { int size; };
static struct pool pools[2];
separate struct pool *pool_at(int index) { if (index < 0 || index > 1) return NULL; return &pools[index]; }
separate struct pool *pool_for(int size) { if (size > 1000) return &pools[1]; return pool_at(size / 8 - 1); }
separate int take(int size) { struct pool *pool = pool_for(size); return pool->size; }
int main(int argc, char **argv) { (void)argv; printf("%d\n", take(16)); return take(argc); }
