/* SPDX-License-Identifier: MIT */
/*
 * Births, changes and deaths of processes. Each mode prints what it did, a line each:
 *
 *     child NAME PID STATUS     a child that ended, its status as v_process words it ("exit 5" or "signal 11", with _)
 *     thread TID
 *     fact NAME ADDRESS TID     an address that something happened to, and the thread that did it
 *
 *     life tree            children of every kind
 *     life again NAME N    what the others execute: exits with N
 *     life fork-parent     the parent maps, unmaps and forks; the child uses the memory
 *     life fork-child      the parent maps and forks; the child unmaps the memory and uses it
 *     life fork-other      the parent maps and forks, and unmaps after that; the child uses the memory, unharmed, and
 *                          then a wild address
 *     life vfork           a vfork child unmaps the memory that it shares with its parent, who uses it then
 *     life vfork-child     a vfork child uses the memory that its parent had unmapped
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "corelate/marker.h"

/* Too large for the holes that the loader leaves: nothing else ever lay there. */
#define BLOCK_BYTES (1 << 20)
#define WILD ((volatile char *)0x123456789000)

extern char **environ;
static const char *self;

static int tid(void)
{
	return (int)syscall(SYS_gettid);
}

static void *map_block(void)
{
	char *block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		exit(1);
	memset(block, 1, BLOCK_BYTES);
	return block;
}

static void unmap_block(void *block)
{
	printf("fact unmapped %p %d\n", block, tid());
	fflush(stdout);
	munmap(block, BLOCK_BYTES);
}

static char use(const void *block)
{
	return *(const volatile char *)block;
}

static void told(const char *name, pid_t child)
{
	int status = 0;

	if (waitpid(child, &status, 0) != child)
		exit(1);
	if (WIFSIGNALED(status))
		printf("child %s %d signal_%d\n", name, (int)child, WTERMSIG(status));
	else
		printf("child %s %d exit_%d\n", name, (int)child, WEXITSTATUS(status));
	fflush(stdout);
}

static void *execute_again(void *argument)
{
	(void)argument;
	execl(self, self, "again", "thread-exec", "6", NULL);
	return NULL;
}

static void *nothing(void *argument)
{
	*(int *)argument = tid();
	return NULL;
}

static void threads(void)
{
	pthread_t thread[3];
	int tids[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, nothing, &tids[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		printf("thread %d\n", tids[i]);
	}
	fflush(stdout);
}

static void spawn(void)
{
	char *arguments[] = {(char *)self, (char *)"again", (char *)"spawn", (char *)"3", NULL};
	pid_t child;

	if (posix_spawn(&child, self, NULL, NULL, arguments, environ))
		exit(1);
	told("spawn", child);
}

static void by_vfork(void)
{
	pid_t child = vfork();

	if (child == 0) {
		execl(self, self, "again", "vfork", "4", (char *)NULL);
		_exit(127);
	}
	told("vfork", child);
}

static void of_signal(const char *name, int number)
{
	pid_t child = fork();

	if (child == 0) {
		if (number == SIGSEGV)
			use((const void *)WILD);
		raise(number);
		_exit(0);
	}
	told(name, child);
}

static void tree(void)
{
	void *block = map_block();
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	told("fork", child);
	child = fork();
	if (child == 0) {
		CORELATE_MARK(501); /* before the exec: part of the history that the exec ends */
		execl(self, self, "again", "exec", "5", (char *)NULL);
		_exit(127);
	}
	told("exec", child);
	child = fork();
	if (child == 0) {
		/* The last thread to end is not the first that there was. */
		pthread_t thread;

		pthread_create(&thread, NULL, execute_again, NULL);
		pthread_join(thread, NULL);
		_exit(127);
	}
	told("thread-exec", child);
	/* A failed exec changes nothing. */
	child = fork();
	if (child == 0) {
		execl("/nonexistent/program", "program", (char *)NULL);
		_exit(8);
	}
	told("failed-exec", child);
	by_vfork();
	spawn();
	of_signal("killed", SIGKILL);
	of_signal("terminated", SIGTERM);
	of_signal("crashed", SIGSEGV);
	of_signal("aborted", SIGABRT);
	threads();
	munmap(block, BLOCK_BYTES);
	/* A grandchild whose parent is gone before it. */
	child = fork();
	if (child == 0) {
		int ends[2];
		char byte;

		if (pipe(ends))
			_exit(1);
		if (fork() == 0) {
			close(ends[1]);
			if (read(ends[0], &byte, 1) == 0) /* until the parent is gone */
				CORELATE_MARK(777);
			_exit(9);
		}
		_exit(0);
	}
	told("middle", child);
}

static void fork_and_use(int parent_unmaps, int child_unmaps)
{
	void *block = map_block();
	pid_t child;

	if (parent_unmaps)
		unmap_block(block);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (child_unmaps)
			unmap_block(block);
		use(block);
		_exit(0);
	}
	told("user", child);
}

static void fork_other(void)
{
	void *block = map_block();
	int ends[2];
	pid_t child;

	if (pipe(ends))
		exit(1);
	child = fork();
	if (child == 0) {
		char byte;

		if (read(ends[0], &byte, 1) == 1)
			use(block); /* a copy: it lives */
		use((const void *)WILD);
		_exit(0);
	}
	unmap_block(block);
	if (write(ends[1], "", 1) != 1)
		exit(1);
	told("user", child);
	/* What the parent did is its own. */
	printf("fact kept %p %d\n", block, (int)child);
}

static void vfork_and_use(void)
{
	void *block = map_block();
	pid_t child;

	printf("fact parent %p %d\n", block, tid());
	fflush(stdout);
	child = vfork();
	if (child == 0) {
		CORELATE_MARK(601);
		munmap(block, BLOCK_BYTES);
		CORELATE_MARK(602);
		_exit(0);
	}
	printf("fact unmapped %p %d\n", block, (int)child);
	fflush(stdout);
	use(block);
}

/* The other way about: the child dies on what its parent unmapped, in the space of both. The parent lives on. */
static void vfork_and_die(void)
{
	void *block = map_block();
	pid_t child;

	unmap_block(block);
	child = vfork();
	if (child == 0)
		use(block);
	told("user", child);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	self = argv[0];
	if (strcmp(mode, "again") == 0 && argc == 4)
		return atoi(argv[3]);
	if (strcmp(mode, "tree") == 0)
		tree();
	else if (strcmp(mode, "fork-parent") == 0)
		fork_and_use(1, 0);
	else if (strcmp(mode, "fork-child") == 0)
		fork_and_use(0, 1);
	else if (strcmp(mode, "fork-other") == 0)
		fork_other();
	else if (strcmp(mode, "vfork") == 0)
		vfork_and_use();
	else if (strcmp(mode, "vfork-child") == 0)
		vfork_and_die();
	else
		return 2;
	return 0;
}
