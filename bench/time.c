/* SPDX-License-Identifier: MIT */
/*
 * Runs one command with its output thrown away and prints how long it took (milliseconds), the most memory that it or a
 * child of it had (KiB), and its exit status.
 *
 *     bench-time COMMAND [ARGUMENT...]
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void become(char **command)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execvp(command[0], command);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double started, took;
	pid_t child;
	int status;

	if (argc < 2) {
		fputs("usage: bench-time COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	started = now_ms();
	child = fork();
	if (child == 0)
		become(argv + 1);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("bench-time");
		return 1;
	}
	took = now_ms() - started;
	/* The children that the command has waited for count, too: a parser in a process of its own is no way around a
	 * limit. */
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("%.2f %ld %d\n", took, usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
