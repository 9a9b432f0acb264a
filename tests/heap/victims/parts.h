/* SPDX-License-Identifier: MIT */
/* Two libraries that pass blocks of the heap to each other. */
#ifndef TESTS_HEAP_PARTS_H
#define TESTS_HEAP_PARTS_H

#include <stddef.h>

struct node {
	struct node *next;
	struct node *previous;
	long value;
	char name[40];
};

/* libmaker.so */
void *maker_make(size_t size);
struct node *maker_node(long value);
void *maker_grow(void *block, size_t size);
void maker_drop(void *block);

/* libuser.so */
void user_drop(void *block);
void user_fill(char *block, size_t from, size_t to);
long user_look(const struct node *node);

#endif
