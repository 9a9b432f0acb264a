/* SPDX-License-Identifier: MIT */
/*
 * A program that dies with a stack that is known: main, outer, middle, inner. test_unwind.c builds it in several ways,
 * and has GDB write a core of it when it gets its signal. Arguments: how to die, and a file for what the test must
 * know.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define distinct __attribute__((noinline, noclone))

static const char *how;
static FILE *notes;
static int nothing;
static int *volatile null_pointer;
static volatile int sink;

static void note(const char *name, uint64_t value)
{
	fprintf(notes, "%s %llx\n", name, (unsigned long long)value);
	fflush(notes);
}

distinct void fall(void)
{
	*null_pointer = 1;
}

distinct void handler(int number)
{
	sink = number;
	*null_pointer = 1;
	sink = 1;
}

distinct void *worker(void *argument)
{
	pause();
	return argument;
}

/* Replaces its own return address, as the kernel does for a uretprobe, and tells what it was. */
distinct int inner_clobber(int x, uint64_t replacement, int dies)
{
	volatile uint64_t *slot = (volatile uint64_t *)__builtin_frame_address(0) + 1;

	note("slot", (uint64_t)(uintptr_t)slot);
	note("return", *slot);
	*slot = replacement;
	if (dies)
		fall();
	return x + sink;
}

static uint64_t make_trampoline(void)
{
	static const uint8_t undefined_instruction[] = {0x0f, 0x0b};
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(page, undefined_instruction, sizeof(undefined_instruction));
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	return (uint64_t)(uintptr_t)page;
}

distinct int inner(int x)
{
	void (*volatile nowhere)(void) = NULL;

	if (strcmp(how, "call") == 0)
		nowhere();
	else if (strcmp(how, "clobber") == 0)
		sink = inner_clobber(x, 0x4141414141414141, 1);
	else if (strcmp(how, "trampoline") == 0)
		sink = inner_clobber(x, make_trampoline(), 0);
	else if (strcmp(how, "signal") == 0)
		raise(SIGUSR1);
	else
		*null_pointer = x;
	sink = nothing;
	return x + 1;
}

distinct int middle(int x)
{
	return inner(x + 1) * 3;
}

distinct int outer(int x)
{
	return middle(x + 2) + 5;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
	pthread_t thread;

	if (argc < 3)
		return 2;
	how = argv[1];
	notes = fopen(argv[2], "w");
	if (!notes)
		return 2;
	if (strcmp(how, "signal") == 0) {
		sigaltstack(&stack, NULL);
		sigaction(SIGUSR1, &action, NULL);
	}
	if (strcmp(how, "thread") == 0) {
		pthread_create(&thread, NULL, worker, NULL);
		usleep(100000);
	}
	return outer(argc) + nothing;
}
