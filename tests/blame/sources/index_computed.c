/* SPDX-License-Identifier: MIT */
/* An index is computed in the function that crashes. */
#include "common.h"
int buckets[64];
separate int bucket_of(unsigned key) { unsigned long hash = key * 2654435761u; hash ^= hash << 13; return buckets[hash]; }
separate int count(unsigned key) { return bucket_of(key) + 1; }
int main(int argc, char **argv) { (void)argv; return count((unsigned)argc * 77); }
