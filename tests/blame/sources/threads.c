/* SPDX-License-Identifier: MIT */
/* Another thread clears a field that this one had set. */
#include <pthread.h>
#include <unistd.h>
#include "common.h"
struct cell { int *volatile value; };
static struct cell cell;
static void *clear(void *at) { usleep(100000); ((struct cell *)at)->value = NULL; return NULL; }
separate int use(struct cell *at) { for (;;) if (*at->value == 77) return 1; }
int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argv;
	pthread_create(&thread, NULL, clear, &cell);
	cell.value = NULL;
	__asm__ volatile("" ::: "memory");
	cell.value = &argc;
	return use(&cell);
}
