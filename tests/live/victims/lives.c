/* SPDX-License-Identifier: MIT */
/*
 * Ends of mappings that a record can get wrong. One argument names the way; each dies, or returns 3 where the situation
 * did not come about. What must not be merged or reordered by the compiler is a function of its own.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define BLOCK (64UL * PAGE)
#define NOISE 60000

static char *map(size_t bytes, int protection)
{
	return mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static pid_t recorder;

/* More records than the ring takes, while the recorder does not empty it. What came before is in the store; what comes
 * after will be. */
static void make_noise(void)
{
	usleep(300000);
	kill(recorder, SIGSTOP);
	for (int i = 0; i < NOISE; i++)
		prctl(PR_GET_DUMPABLE, i, 0, 0, 0);
	kill(recorder, SIGCONT);
	usleep(700000);
}

__attribute__((noinline)) static void owner_close(char *block)
{
	munmap(block, BLOCK);
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static int use(const volatile char *block)
{
	return block[8];
}

/* Events of the parent are lost while it holds the block; its child closes and uses it. */
static int inherited(void)
{
	char *block = map(BLOCK, PROT_READ | PROT_WRITE);
	int status;
	pid_t child;

	block[8] = 1;
	make_noise();
	child = fork();
	if (child == 0) {
		usleep(100000);
		owner_close(block);
		return use(block);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 0 : 3;
}

/* Events of a process that shares the space are lost while the block lives. */
static int shared(void)
{
	char *block = map(BLOCK, PROT_READ | PROT_WRITE);
	int status;
	pid_t child;

	block[8] = 1;
	child = vfork();
	if (child == 0) {
		make_noise();
		_exit(0);
	}
	waitpid(child, &status, 0);
	usleep(200000);
	owner_close(block);
	return use(block);
}

/* As `inherited`, with the noise after the fork: none of the child's business. */
static int sibling(void)
{
	char *block = map(BLOCK, PROT_READ | PROT_WRITE);
	int status, pipes[2];
	pid_t child;
	char byte;

	block[8] = 1;
	if (pipe(pipes))
		return 3;
	child = fork();
	if (child == 0) {
		owner_close(block);
		if (read(pipes[0], &byte, 1) != 1)
			return 3;
		usleep(100000);
		return use(block);
	}
	usleep(200000);
	make_noise();
	if (write(pipes[1], "x", 1) != 1)
		return 3;
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 0 : 3;
}

struct node {
	struct node *next;
	long value;
};

__attribute__((noinline)) static long walk(const struct node *node)
{
	return node->next->value;
}

__attribute__((noinline)) static void trim_range(char *range, size_t bytes)
{
	madvise(range, bytes, MADV_DONTNEED);
	__asm__ volatile("" ::: "memory");
}

/* A madvise fails for a hole at its end, and has emptied all before. */
static int emptied(void)
{
	char *range = map(3 * PAGE, PROT_READ | PROT_WRITE);
	struct node *first = (void *)range, *second = (void *)(range + PAGE);

	munmap(range + 2 * PAGE, PAGE);
	first->next = second;
	second->value = 7;
	trim_range(range, 3 * PAGE);
	return (int)walk(first);
}

__attribute__((noinline)) static void seal_range(char *range, size_t bytes)
{
	mprotect(range, bytes, PROT_READ);
	__asm__ volatile("" ::: "memory");
}

/* An mprotect fails for a hole at its end, and has sealed all before. */
static int sealed(void)
{
	char *range = map(3 * PAGE, PROT_READ | PROT_WRITE);

	munmap(range + 2 * PAGE, PAGE);
	range[0] = 1;
	seal_range(range, 3 * PAGE);
	*(volatile char *)range = 2;
	return 3;
}

__attribute__((noinline)) static void map_socket(char *range, size_t bytes)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	mmap(range, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	__asm__ volatile("" ::: "memory");
}

/* An mmap with MAP_FIXED fails, and has unmapped its range. */
static int unseated(void)
{
	char *block = map(BLOCK, PROT_READ | PROT_WRITE);

	block[8] = 1;
	map_socket(block, BLOCK);
	return use(block);
}

/* Read-only memory is moved and then written to. */
static int moved(void)
{
	char *block = map(2 * PAGE, PROT_READ), *room = map(BLOCK, PROT_NONE);

	munmap(room, BLOCK);
	block = mremap(block, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 16 * PAGE);
	*(volatile char *)(block + 16) = 1;
	return 3;
}

static void *volatile unmapping;
static volatile int stop;

__attribute__((noinline)) static void stranger_close(char *block)
{
	munmap(block, BLOCK);
	__asm__ volatile("nop" ::: "memory"); /* or it is one with owner_close() */
}

static void share_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Is preempted all the time: often between the effect of its munmap and its return. */
static void *churn(void *unused)
{
	struct sched_param parameter = {0};

	sched_setscheduler(0, SCHED_IDLE, &parameter);
	while (!stop) {
		char *block = map(BLOCK, PROT_READ | PROT_WRITE);

		for (size_t i = 0; i < BLOCK; i += PAGE)
			block[i] = 1;
		unmapping = block;
		stranger_close(block);
		unmapping = NULL;
	}
	for (;;)
		pause();
	return unused;
}

/* A thread's munmap returns after its range has been given out again. The new owner closes and uses it. */
static int late(void)
{
	pthread_t thread;

	share_processor();
	if (pthread_create(&thread, NULL, churn, NULL))
		return 3;
	for (int i = 0; i < 60000; i++) {
		char *block;

		usleep(60);
		block = map(BLOCK, PROT_READ | PROT_WRITE);
		if (block == unmapping) {
			stop = 1;
			usleep(100000);
			block[8] = 1;
			owner_close(block);
			usleep(100000);
			return use(block);
		}
		munmap(block, BLOCK);
	}
	return 3;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} ways[] = {
		{"inherited", inherited}, {"shared", shared},	  {"sibling", sibling}, {"emptied", emptied},
		{"sealed", sealed},	  {"unseated", unseated}, {"moved", moved},	{"late", late},
	};

	recorder = getppid();
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			return ways[i].run();
	fprintf(stderr, "usage: lives WAY\n");
	return 2;
}
