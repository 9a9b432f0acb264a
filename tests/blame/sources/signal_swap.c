/* SPDX-License-Identifier: MIT */
/* A handler takes a pointer away. */
#include <signal.h>
#include "common.h"
struct config { int level; };
static struct config first = {1};
static struct config *volatile config;
static void reload(int number) { (void)number; config = NULL; }
separate int level(void) { return config->level; }
int main(int argc, char **argv)
{
	(void)argv;
	(void)argc;
	config = NULL;
	config = &first;
	signal(SIGUSR1, reload);
	printf("%d\n", level());
	raise(SIGUSR1);
	return level();
}
