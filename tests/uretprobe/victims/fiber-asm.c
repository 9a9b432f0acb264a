/* SPDX-License-Identifier: MIT */
/*
 * The same migration with a switch of ten instructions, on a stack from mmap, as runtimes have it; the functions on
 * the fiber's stack are probed at two levels. Without a tracer the program ends well.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "victim.h"

#define STACK_BYTES 65536

/* switch_stacks(&save_sp, load_sp): callee-saved registers go to the old stack and come from the new one. */
void switch_stacks(uint64_t *save, uint64_t load);
__asm__(".text\n"
	".globl switch_stacks\n"
	".type switch_stacks, @function\n"
	"switch_stacks:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size switch_stacks, . - switch_stacks\n");

static uint64_t fiber_sp, scheduler_sp;
static volatile int finished;

KEPT void yield(void)
{
	switch_stacks(&fiber_sp, scheduler_sp);
}

KEPT int work(int number)
{
	yield();
	return number + 1;
}

KEPT int step(int number)
{
	return work(number) * 2;
}

KEPT void fiber_main(void)
{
	finished = step(1);
	for (;;)
		yield();
}

KEPT void resume(void)
{
	switch_stacks(&scheduler_sp, fiber_sp);
}

static void *other_thread(void *argument)
{
	resume();
	return argument;
}

int main(void)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	uint64_t *top = (uint64_t *)(stack + STACK_BYTES);
	pthread_t thread;

	wait_for_line("ready");
	*--top = 0; /* fiber_main returns nowhere */
	*--top = (uint64_t)fiber_main;
	top -= 6;
	fiber_sp = (uint64_t)top;
	resume();
	pthread_create(&thread, NULL, other_thread, NULL);
	pthread_join(thread, NULL);
	printf("finished with %d\n", finished);
	return finished != 4;
}
