/* SPDX-License-Identifier: MIT */
/* Another thread clears a field; the store of null in this function was not carried out. */
#include <pthread.h>
#include "common.h"
struct cell { int *value; };
static struct cell cell;
static volatile int turn;
static void *clear(void *at) { while (turn != 1) ; ((struct cell *)at)->value = NULL; turn = 2; return NULL; }
separate int use(const struct cell *at) { return *at->value; }
int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argv;
	pthread_create(&thread, NULL, clear, &cell);
	cell.value = &argc;
	if (argc > 5)
		cell.value = NULL;
	turn = 1;
	while (turn != 2)
		;
	return use(&cell);
}
