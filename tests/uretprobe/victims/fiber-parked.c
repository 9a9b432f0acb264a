/* SPDX-License-Identifier: MIT */
/*
 * A fiber is parked inside work on a thread that ends then; another thread resumes it, and work returns there. No
 * thread is left whose pending returns would name work. stats is called at the end only. It waits while the fiber is
 * parked. Without a tracer the program ends well.
 */
#include <pthread.h>
#include <ucontext.h>

#include "victim.h"

static ucontext_t fiber, scheduler[2];
static char stack[65536] __attribute__((aligned(16)));
static int current, finished;

KEPT int work(int number)
{
	swapcontext(&fiber, &scheduler[current]);
	return number + current;
}

KEPT void fiber_main(void)
{
	finished = work(1);
	swapcontext(&fiber, &scheduler[current]);
}

KEPT void resume(void)
{
	swapcontext(&scheduler[current], &fiber);
}

static void *thread_main(void *argument)
{
	current = argument != NULL;
	resume();
	return NULL;
}

static void run_thread(void *argument)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_main, argument);
	pthread_join(thread, NULL);
}

KEPT int stats(int number)
{
	return number * 3;
}

int main(void)
{
	wait_for_line("ready");
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof(stack);
	makecontext(&fiber, fiber_main, 0);
	run_thread(NULL);
	wait_for_line("inside");
	run_thread(&current);
	printf("finished with %d, %d\n", finished, stats(1));
	return finished != 2;
}
