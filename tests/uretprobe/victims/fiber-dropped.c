/* SPDX-License-Identifier: MIT */
/*
 * One thread. A fiber, whose stack lies below the thread's own, yields inside work; then the thread calls work on its
 * own stack. The kernel takes the fiber's pending return for one that was jumped over, because its stack pointer is
 * lower, and drops it; the fiber's return then finds none. Without a tracer the program ends well.
 */
#include <stdbool.h>
#include <ucontext.h>

#include "victim.h"

static ucontext_t fiber, scheduler;
static char stack[65536] __attribute__((aligned(16)));
static int finished;

KEPT void yield(void)
{
	swapcontext(&fiber, &scheduler);
}

KEPT int work(int number, bool patient)
{
	if (patient)
		yield();
	return number + 1;
}

KEPT void fiber_main(void)
{
	finished = work(1, true);
}

KEPT void resume(void)
{
	swapcontext(&scheduler, &fiber);
}

int main(void)
{
	int own;

	wait_for_line("ready");
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof(stack);
	fiber.uc_link = &scheduler;
	makecontext(&fiber, fiber_main, 0);
	resume();
	own = work(2, false);
	resume();
	printf("finished with %d and %d\n", finished, own);
	return finished != 2;
}
