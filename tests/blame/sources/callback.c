/* SPDX-License-Identifier: MIT */
/* main gives a callback no context. */
#include "common.h"
struct sum { int total; };
separate void add(void *context, int value) { struct sum *sum = context; sum->total += value; }
separate void for_each(const int *values, int count, void (*call)(void *, int), void *context) { for (int i = 0; i < count; i++) call(context, values[i]); }
int main(int argc, char **argv) { int values[3] = {argc, 2, 3}; (void)argv; for_each(values, 3, add, NULL); return 0; }
