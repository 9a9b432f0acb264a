/* SPDX-License-Identifier: MIT */
/* A recursion passes null to itself. */
#include "common.h"
struct list { int value; };
separate int spread(const struct list *list, int level) { int sum = list->value; if (level > 9000) return 0; if (level > 3) sum += spread(NULL, level - 1); else sum += spread(list, level + 1); return sum; }
int main(int argc, char **argv) { struct list list = {argc}; (void)argv; return spread(&list, argc); }
