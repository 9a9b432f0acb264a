/* SPDX-License-Identifier: MIT */
/* A field of a block that malloc gave, never set. */
#include "common.h"
struct task { int id; struct task *parent; };
separate void dirty(void) { void *p = malloc(sizeof(struct task)); memset(p, 0x5a, sizeof(struct task)); free(p); }
separate struct task *task_new(int id) { struct task *task = malloc(sizeof(*task)); task->id = id; return task; }
separate int root(const struct task *task) { return task->parent->id; }
int main(int argc, char **argv) { struct task *task; (void)argv; malloc(4000); dirty(); task = task_new(argc); return root(task) + root(task->parent); }
