/* SPDX-License-Identifier: MIT */
/*
 * A signal frame between the functions: inner sends itself a signal by a bare system call in interrupted, the handler
 * calls leaf, and leaf writes to address 0.
 */
#include <signal.h>
#include <sys/syscall.h>

#include "victim.h"

int *volatile nowhere;

KEPT int leaf(int number)
{
	*nowhere = number;
	return number;
}

KEPT void handler(int number)
{
	if (leaf(number) == 0)
		puts("not reached");
}

/* The signal is delivered on the way out of the system call. */
KEPT long interrupted(void)
{
	long status = SYS_kill;

	__asm__ volatile("syscall" : "+a"(status) : "D"((long)getpid()), "S"((long)SIGUSR1) : "rcx", "r11", "memory");
	return status + 1;
}

KEPT long inner(int count)
{
	return interrupted() + count;
}

KEPT long outer(int count)
{
	return inner(count + 1) * count;
}

int main(void)
{
	struct sigaction action = {.sa_handler = handler};

	sigaction(SIGUSR1, &action, NULL);
	wait_for_line("ready");
	return outer(2) == 0;
}
