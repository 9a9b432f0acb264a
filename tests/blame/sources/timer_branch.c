/* SPDX-License-Identifier: MIT */
/* A timer's handler clears a field; the store of null in this function was not carried out. */
#include <signal.h>
#include <sys/time.h>
#include "common.h"
struct cell { int *value; };
static struct cell cell;
static volatile int turn;
static void clear(int number) { (void)number; if (turn == 1) { cell.value = NULL; turn = 2; } }
separate int use(const struct cell *at) { return *at->value; }
int main(int argc, char **argv)
{
	struct itimerval often = {{0, 10000}, {0, 10000}};

	(void)argv;
	signal(SIGALRM, clear);
	setitimer(ITIMER_REAL, &often, NULL);
	cell.value = &argc;
	if (argc > 5)
		cell.value = NULL;
	turn = 1;
	while (turn != 2)
		;
	return use(&cell);
}
