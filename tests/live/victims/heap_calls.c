/* SPDX-License-Identifier: MIT */
/*
 * Calls of the heap whose rows are known beforehand. `heap_calls WHAT`:
 *
 *   all           every function of the heap, from two threads; prints what must be recorded, a line a call:
 *                 ROLE TID OLD_BLOCK BLOCK SIZE ALIGNMENT
 *   wait          the same after a line was read from standard input; "ready" is printed before, with a block that is
 *                 given back afterwards
 *   double-free   gives a block back twice; prints it
 *   in-realloc    dies inside realloc; prints the block
 *   fork [N]      a child that calls malloc(777) and free N times (200) in 10 ms each; prints its pid
 *   share [N]     the same by a child that shares the memory (clone with CLONE_VM)
 *   leave N       N times a function that is left by longjmp, then one that returns; prints nothing
 */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CALLS 200

struct call {
	const char *role;
	int tid;
	void *old_block, *block;
	size_t size, alignment;
};

static struct call calls[MAX_CALLS];
static size_t count;
static char output[1 << 16];

static void note(const char *role, void *old_block, void *block, size_t size, size_t alignment)
{
	calls[count++] = (struct call){role, gettid(), old_block, block, size, alignment};
}

/* Through a pointer that the compiler does not know: it may leave out pairs. */
static void *(*volatile get)(size_t) = malloc;
static void (*volatile give)(void *) = free;

static void give_back(void *block)
{
	note("free", block, NULL, 0, 0);
	give(block);
}

static void *make_calls(void *unused)
{
	void *block = get(100), *other;

	(void)unused;
	note("malloc", NULL, block, 100, 0);
	other = get(1 << 20); /* a mapping */
	note("malloc", NULL, other, 1 << 20, 0);
	give_back(block);
	give_back(other);
	block = calloc(7, 11);
	note("calloc", NULL, block, 77, 0);
	other = realloc(block, 5000);
	note("realloc", block, other, 5000, 0);
	block = other;
	other = realloc(block, 2 << 20);
	note("realloc", block, other, 2 << 20, 0);
	give_back(other);
	block = reallocarray(NULL, 3, 5);
	note("reallocarray", NULL, block, 15, 0);
	other = reallocarray(block, 300, 5);
	note("reallocarray", block, other, 1500, 0);
	give_back(other);
	if (posix_memalign(&block, 256, 33) == 0)
		note("posix_memalign", NULL, block, 33, 256);
	give_back(block);
	if (posix_memalign(&other, 3, 33) != 0) /* refused */
		note("posix_memalign", NULL, NULL, 33, 3);
	block = aligned_alloc(64, 640);
	note("aligned_alloc", NULL, block, 640, 64);
	give_back(block);
	block = memalign(128, 50);
	note("aligned_alloc", NULL, block, 50, 128);
	give_back(block);
	block = valloc(99);
	note("malloc", NULL, block, 99, 0);
	give_back(block);
	give_back(NULL);
	block = calloc(SIZE_MAX / 2, 3); /* refused: the product does not fit */
	note("calloc", NULL, block, SIZE_MAX, 0);
	return NULL;
}

static void tell_calls(void)
{
	pthread_t thread;

	make_calls(NULL);
	pthread_create(&thread, NULL, make_calls, NULL);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < count; i++)
		printf("%s %d %p %p %zu %zu\n", calls[i].role, calls[i].tid, calls[i].old_block, calls[i].block,
		       calls[i].size, calls[i].alignment);
}

static void wait_and_tell(void)
{
	void *early = get(4321);
	char line[16];

	printf("ready %p\n", early);
	fflush(stdout);
	if (read(STDIN_FILENO, line, sizeof(line)) > 0) {
		give(early);
		tell_calls();
	}
}

static void double_free(void)
{
	void *block = get(3000), *guard = get(3000);

	printf("%p\n", block);
	fflush(stdout);
	give(block);
	give(block);
	give(guard);
}

static void die_in_realloc(void)
{
	size_t *block = get(3000);

	printf("%p\n", (void *)block);
	fflush(stdout);
	block[-1] = 0x123450; /* the chunk's size */
	block = realloc(block, 9000);
	printf("survived %p\n", (void *)block);
}

static void fork_child(int turns)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < turns; i++) {
			give(get(777));
			usleep(10000);
		}
		_exit(0);
	}
	printf("%d\n", (int)pid);
	waitpid(pid, NULL, 0);
}

static int use_heap(void *turns)
{
	for (int i = 0; i < *(int *)turns; i++) {
		give(get(777));
		usleep(10000);
	}
	_exit(0);
}

static void share_memory(int turns)
{
	static char stack[1 << 18];
	pid_t pid = clone(use_heap, stack + sizeof(stack), CLONE_VM | SIGCHLD, &turns);

	printf("%d\n", (int)pid);
	waitpid(pid, NULL, 0);
}

static jmp_buf back;

/* Named in the test's --probe. */
__attribute__((noinline, noclone)) long leaver(int stay, const char *name)
{
	__asm__ volatile("" ::: "memory");
	if (!stay)
		longjmp(back, 1);
	return (long)strlen(name) + stay;
}

static void leave(volatile int times)
{
	setjmp(back);
	if (times-- > 0)
		leaver(0, "left");
	give(get((size_t)leaver(7, "stayed")));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, output, _IOFBF, sizeof(output));
	if (strcmp(what, "all") == 0)
		tell_calls();
	else if (strcmp(what, "wait") == 0)
		wait_and_tell();
	else if (strcmp(what, "double-free") == 0)
		double_free();
	else if (strcmp(what, "in-realloc") == 0)
		die_in_realloc();
	else if (strcmp(what, "fork") == 0)
		fork_child(argc > 2 ? atoi(argv[2]) : 200);
	else if (strcmp(what, "share") == 0)
		share_memory(argc > 2 ? atoi(argv[2]) : 200);
	else if (strcmp(what, "leave") == 0 && argc > 2)
		leave(atoi(argv[2]));
	else
		return 2;
	return 0;
}
