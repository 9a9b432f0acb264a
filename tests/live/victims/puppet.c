/* SPDX-License-Identifier: MIT */
/*
 * Does what each line of its standard input says, and answers with one line. It takes no memory but what it is told to:
 * no stdio, no malloc, so that whoever counts its calls counts only these.
 *
 *     map BYTES         maps, writes to each page, answers "ADDRESS NS" (CLOCK_BOOTTIME just after)
 *     unmap ADDR BYTES  answers the result
 *     read ADDR         reads a byte there: the way to die
 *     fork LINE         a child does LINE and exits; answers "PID WAIT-STATUS" when it has ended
 *     burst N           N times a page mapped and unmapped; answers "done"
 *     tick N            N times a page mapped, 5 ms apart, each told at once as "ADDRESS NS"
 *     mark N            a marker; answers "done"
 *     name TEXT         names the process; answers "done"
 *     exit N
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "corelate/marker.h"

#define PAGE_BYTES 4096

static void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void answer(const char *format, ...)
{
	char line[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(1); /* nobody listens any more */
}

static uint64_t boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* One byte at a time: the lines are few, and nothing is taken that a child should read. */
static int read_line(char *line, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		if (read(STDIN_FILENO, line + used, 1) != 1)
			return 0;
		if (line[used] == '\n')
			break;
		used++;
	}
	line[used] = 0;
	return 1;
}

static void map(uint64_t bytes)
{
	volatile char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t after = boottime_ns();

	if (block == MAP_FAILED) {
		answer("failed\n");
		return;
	}
	for (uint64_t i = 0; i < bytes; i += PAGE_BYTES)
		block[i] = 1;
	answer("0x%lx %lu\n", (unsigned long)block, (unsigned long)after);
}

static void burst(uint64_t count)
{
	while (count--) {
		void *block = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		munmap(block, PAGE_BYTES);
	}
	answer("done\n");
}

static void tick(uint64_t count)
{
	struct timespec pause = {.tv_nsec = 5000000};

	while (count--) {
		map(PAGE_BYTES);
		nanosleep(&pause, NULL);
	}
	answer("done\n");
}

static void obey(const char *line)
{
	char word[16] = "";
	unsigned long first = 0, second = 0;
	int used = 0, status = 0;
	pid_t child;

	if (sscanf(line, "%15s%n", word, &used) != 1)
		return;
	while (line[used] == ' ')
		used++;
	sscanf(line + used, "%li %li", (long *)&first, (long *)&second);
	if (strcmp(word, "map") == 0) {
		map(first);
	} else if (strcmp(word, "unmap") == 0) {
		answer("%d\n", munmap((void *)first, second));
	} else if (strcmp(word, "read") == 0) {
		answer("%d\n", *(volatile char *)first);
	} else if (strcmp(word, "fork") == 0) {
		child = fork();
		if (child == 0) {
			/* Its answers are not the ones that are waited for. */
			dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
			obey(line + used);
			_exit(0);
		}
		waitpid(child, &status, 0);
		answer("%d %d\n", (int)child, status);
	} else if (strcmp(word, "burst") == 0) {
		burst(first);
	} else if (strcmp(word, "tick") == 0) {
		tick(first);
	} else if (strcmp(word, "mark") == 0) {
		CORELATE_MARK(first);
		answer("done\n");
	} else if (strcmp(word, "name") == 0) {
		prctl(PR_SET_NAME, line + used);
		answer("done\n");
	} else if (strcmp(word, "exit") == 0) {
		_exit((int)first);
	} else {
		answer("what?\n");
	}
}

int main(void)
{
	char line[256];

	answer("pid %d\n", (int)getpid());
	while (read_line(line, sizeof(line)))
		obey(line);
	return 0;
}
