/* SPDX-License-Identifier: MIT */
/* A recursive walk of a tree whose leaves have null. */
#include "common.h"
struct tree { int value; struct tree *left, *right; };
static struct tree leaf = {1, NULL, NULL}, top = {2, &leaf, NULL};
static volatile int visits;
separate int depth(const struct tree *tree, int level) { visits++; if (level > 9000) return 0; return tree->value + depth(tree->left, level + 1) + level; }
int main(int argc, char **argv) { (void)argv; return depth(&top, argc); }
