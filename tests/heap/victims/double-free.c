/* SPDX-License-Identifier: MIT */
/* Allocated in one library and freed there by one thread, freed again in the other by another. */
#include <pthread.h>
#include <unistd.h>

#include "parts.h"

static void *first(void *block)
{
	maker_drop(block);
	return NULL;
}

static void *second(void *block)
{
	user_drop(block);
	return NULL;
}

static void run(void *(*work)(void *), void *block)
{
	pthread_t thread;

	pthread_create(&thread, NULL, work, block);
	pthread_join(thread, NULL);
}

int main(void)
{
	/* Too large for a thread's cache, so that the arena notices. */
	void *block = maker_make(5000), *wall = maker_make(5000);

	run(first, block);
	usleep(20000); /* two frees within a millisecond have no order for who records only how they began */
	run(second, block);
	return wall == NULL;
}
