/* SPDX-License-Identifier: MIT */
/*
 * Makes two processes of the same pid, one after the other, each of which crashes: the first on memory that it has
 * unmapped, the second on a wild address. Between the two it waits for a line on its standard input, so that the first
 * core can be moved away. Prints "PID ADDRESS" for the first and "PID 0x123456789000" for the second.
 *
 *     reborn fork    both are plain forks of this process, with its auxiliary vector
 *     reborn exec    both execute this program again, and so have one each
 */
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Too large for the holes that the loader leaves: nothing else ever lay there. */
#define BLOCK_BYTES (1 << 20)
#define WILD 0x123456789000UL

static void use(unsigned long address)
{
	printf("%d 0x%lx\n", (int)getpid(), address);
	fflush(stdout);
	(void)*(volatile char *)address;
}

static void crash(int on_unmapped)
{
	void *block;

	if (!on_unmapped)
		use(WILD);
	block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(block, BLOCK_BYTES);
	use((unsigned long)block);
}

/* A child whose pid is `pid` unless that is 0 (clone(2), set_tid: needs CAP_SYS_ADMIN). */
static pid_t make_child(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = pid ? (uintptr_t)&pid : 0,
		.set_tid_size = pid ? 1 : 0,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

int main(int argc, char **argv)
{
	pid_t before = 0;
	char line[16];

	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "crash") == 0)
		crash(argc > 2);
	for (int i = 0; i < 2; i++) {
		pid_t child = make_child(before);

		if (child < 0) {
			perror("clone3");
			return 1;
		}
		if (child == 0) {
			if (strcmp(argv[1], "exec") == 0)
				execl(argv[0], argv[0], "crash", i == 0 ? "unmapped" : NULL, (char *)NULL);
			crash(i == 0);
		}
		waitpid(child, NULL, 0);
		if (before && child != before)
			return 1;
		before = child;
		if (i == 0 && !fgets(line, sizeof(line), stdin))
			return 1;
	}
	return 0;
}
