/* SPDX-License-Identifier: MIT */
/*
 * A fiber enters work on one thread, yields inside it, and is resumed by another thread, where work returns. The kernel
 * keeps pending returns by thread. Without a tracer the program ends well.
 */
#include <pthread.h>
#include <ucontext.h>

#include "victim.h"

static ucontext_t fiber, scheduler;
static char stack[65536] __attribute__((aligned(16)));
static int finished;

KEPT void yield(void)
{
	swapcontext(&fiber, &scheduler);
}

KEPT int work(int number)
{
	yield();
	return number + 1;
}

KEPT void fiber_main(void)
{
	finished = work(1);
}

KEPT void resume(void)
{
	swapcontext(&scheduler, &fiber);
}

static void *other_thread(void *argument)
{
	resume();
	return argument;
}

int main(void)
{
	pthread_t thread;

	wait_for_line("ready");
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof(stack);
	fiber.uc_link = &scheduler;
	makecontext(&fiber, fiber_main, 0);
	resume();
	pthread_create(&thread, NULL, other_thread, NULL);
	pthread_join(thread, NULL);
	printf("finished with %d\n", finished);
	return finished != 2;
}
