/* SPDX-License-Identifier: MIT */
/*
 * Two fibers in one thread. The one with the lower stack enters low_work and yields; the one with the higher stack
 * enters high_work, and the kernel drops the lower one's pending return; the lower one returns first and takes the
 * higher one's: low_work returns into high_main, on the stack of low_main. What happens then depends on the frames:
 *     (no argument)  high_main's frame is larger, and its own return takes a zero from beyond the lower stack
 *     data           high_main uses a pointer of its frame, which lies elsewhere in low_main's
 * Without a tracer the program ends well.
 */
#include <string.h>
#include <ucontext.h>

#include "victim.h"

#define STACK_BYTES 65536

static ucontext_t low, high, scheduler;
/* The lower stack, zeros, the higher stack. */
static char stacks[3 * STACK_BYTES] __attribute__((aligned(16)));
static int low_result, high_result;
static int use_data;

KEPT void yield(ucontext_t *own)
{
	swapcontext(own, &scheduler);
}

KEPT int low_work(int number)
{
	yield(&low);
	return number + 1;
}

KEPT int high_work(int number)
{
	yield(&high);
	return number + 2;
}

KEPT void low_main(void)
{
	low_result = low_work(1);
}

KEPT void fill(int **places, int count)
{
	for (int i = 0; i < count; i++)
		places[i] = &high_result;
}

KEPT void high_main(void)
{
	int *places[24];
	int got;

	fill(places, 24);
	got = high_work(2);
	if (use_data)
		*places[12] = got;
	high_result = got;
}

KEPT void resume(ucontext_t *which)
{
	swapcontext(&scheduler, which);
}

static void make_fiber(ucontext_t *fiber, char *stack, void (*function)(void))
{
	getcontext(fiber);
	fiber->uc_stack.ss_sp = stack;
	fiber->uc_stack.ss_size = STACK_BYTES;
	fiber->uc_link = &scheduler;
	makecontext(fiber, function, 0);
}

int main(int argc, char **argv)
{
	use_data = argc > 1 && strcmp(argv[1], "data") == 0;
	wait_for_line("ready");
	make_fiber(&low, stacks, low_main);
	make_fiber(&high, stacks + 2 * STACK_BYTES, high_main);
	resume(&low);
	resume(&high);
	resume(&low);
	resume(&high);
	printf("finished with %d and %d\n", low_result, high_result);
	return low_result != 2;
}
