/* SPDX-License-Identifier: MIT */
/* A handler writes through a pointer to a local variable. */
#include <signal.h>
#include "common.h"
struct lease { int *slot; int unused; };
static struct lease *volatile held;
static void revoke(int number) { (void)number; held->slot = NULL; }
separate int use(const struct lease *lease) { return lease->slot[0]; }
int main(int argc, char **argv)
{
	struct lease lease;

	(void)argv;
	lease.slot = NULL;
	held = &lease;
	signal(SIGUSR1, revoke);
	lease.slot = &argc;
	raise(SIGUSR1);
	return use(&lease);
}
