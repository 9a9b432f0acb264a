/* SPDX-License-Identifier: MIT */
/* A node that was freed in the other library, by another thread, is looked at: its links are the allocator's now. */
#include <pthread.h>

#include "parts.h"

static void *drop(void *block)
{
	user_drop(block);
	return NULL;
}

int main(void)
{
	struct node *old = maker_node(1), *node = maker_node(2);
	pthread_t thread;

	node->previous = old;
	pthread_create(&thread, NULL, drop, node);
	pthread_join(thread, NULL);
	return (int)user_look(node);
}
