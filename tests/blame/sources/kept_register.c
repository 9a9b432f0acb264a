/* SPDX-License-Identifier: MIT */
/* A value that lives in a register across calls. */
#include "common.h"
struct node { int weight; };
separate int note(int n) { return printf("%d\n", n); }
separate struct node *pick(int n) { static struct node one; if (n > 3) return &one; return NULL; }
separate int weigh(int n) { struct node *node = pick(n); int a = note(n), b = note(a); return node->weight + a + b; }
int main(int argc, char **argv) { (void)argv; printf("%d\n", weigh(5)); return weigh(argc); }
