/* SPDX-License-Identifier: MIT */
/* Fibers that behave: one yields and is resumed inside work, on its own thread, and then dies in leaf, on address 0. */
#include <ucontext.h>

#include "victim.h"

int *volatile nowhere;
static ucontext_t fiber, scheduler;
static char stack[65536] __attribute__((aligned(16)));
static int finished;

KEPT int leaf(int number)
{
	*nowhere = number;
	return number;
}

KEPT void yield(void)
{
	swapcontext(&fiber, &scheduler);
}

KEPT int work(int number)
{
	yield();
	return leaf(number) + 1;
}

KEPT void fiber_main(void)
{
	finished = work(1);
}

KEPT void resume(void)
{
	swapcontext(&scheduler, &fiber);
}

int main(void)
{
	wait_for_line("ready");
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof(stack);
	fiber.uc_link = &scheduler;
	makecontext(&fiber, fiber_main, 0);
	resume();
	resume();
	return finished != 2;
}
