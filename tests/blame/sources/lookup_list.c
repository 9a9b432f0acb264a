/* SPDX-License-Identifier: MIT */
/* A lookup walks a list to its end, and returns the cursor. */
#include "common.h"
struct node { int key, value; struct node *next; };
static struct node *head;
separate void add(int key) { struct node *node = malloc(sizeof(*node)); *node = (struct node){key, key * 2, head}; head = node; }
separate struct node *find_node(int key)
{
	struct node *node = head;

	while (node && node->key != key)
		node = node->next;
	return node;
}
separate int value_of(int key) { return find_node(key)->value; }
int main(int argc, char **argv) { (void)argv; add(4); add(5); add(6); printf("%d\n", value_of(5)); return value_of(argc); }
