/* SPDX-License-Identifier: MIT */
/* A walk without a check runs off the end of a list: the null is the list's, rightly there. */
#include "common.h"
struct link { int key; struct link *next; };
static struct link links[3] = {{1, &links[1]}, {2, &links[2]}, {3, NULL}};
separate int distance(const struct link *link, int key) { int n = 0; while (link->key != key) { link = link->next; n++; } return n; }
int main(int argc, char **argv) { (void)argv; printf("%d\n", distance(links, 3)); return distance(links, argc + 8); }
