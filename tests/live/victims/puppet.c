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
 *     rename TEXT       the same by /proc/self/comm
 *     user HOW N        setuid, setreuid or setresuid: the real user alone (setuid: all) is N; answers the result
 *     other LINE        a second thread, which stays, does LINE
 *     worker LINE       a child, which stays until its parent ends, does LINE
 *     into DIR LINE     the same as fork, but the child is born in that cgroup
 *     breed FILE        children, 3 ms apart, until FILE is there; each maps a page 50 ms after its birth and answers
 *                       "PID NS"; then "done"
 *     pid               answers it
 *     exec FILE         runs another puppet, which answers as one does at its start
 *     exit N
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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
static int read_line(int from, char *line, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		if (read(from, line + used, 1) != 1)
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

static void breed(const char *until)
{
	struct timespec apart = {.tv_nsec = 3000000}, age = {.tv_nsec = 50000000};
	char *block;

	signal(SIGCHLD, SIG_IGN);
	while (access(until, F_OK)) {
		if (fork() == 0) {
			nanosleep(&age, NULL);
			block = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			answer("%d %lu\n", (int)getpid(), (unsigned long)boottime_ns());
			_exit(block == MAP_FAILED);
		}
		nanosleep(&apart, NULL);
	}
	nanosleep(&age, NULL);
	nanosleep(&age, NULL);
	answer("done\n");
}

static int change_user(const char *text)
{
	char how[16] = "";
	unsigned id = 0;

	sscanf(text, "%15s %u", how, &id);
	if (strcmp(how, "setuid") == 0)
		return setuid(id);
	if (strcmp(how, "setreuid") == 0)
		return setreuid(id, (uid_t)-1);
	return setresuid(id, (uid_t)-1, (uid_t)-1);
}

static int rename_process(const char *name)
{
	int file = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);
	int failed = write(file, name, strlen(name)) < 0;

	close(file);
	return failed;
}

static void obey(const char *line);

static void obey_all(int from)
{
	char line[256];

	while (read_line(from, line, sizeof(line)))
		obey(line);
}

static int pass_on(int to, const char *line)
{
	return write(to, line, strlen(line)) < 0 || write(to, "\n", 1) != 1;
}

static void *second_thread(void *from)
{
	obey_all((int)(intptr_t)from);
	return NULL;
}

static void tell_other(const char *line)
{
	static int ends[2];
	pthread_t thread;

	if (!ends[1] &&
	    (pipe2(ends, O_CLOEXEC) || pthread_create(&thread, NULL, second_thread, (void *)(intptr_t)ends[0])))
		answer("failed\n");
	else if (pass_on(ends[1], line))
		answer("failed\n");
}

static void tell_worker(const char *line)
{
	static int ends[2];

	if (!ends[1]) {
		if (pipe2(ends, O_CLOEXEC)) {
			answer("failed\n");
			return;
		}
		if (fork() == 0) {
			int from = ends[0];

			close(ends[1]);
			ends[1] = 0;
			obey_all(from);
			_exit(0);
		}
		close(ends[0]);
	}
	if (pass_on(ends[1], line))
		answer("failed\n");
}

/* A child in the cgroup that the first word names; as fork where that is empty. */
static pid_t fork_into(const char *directory)
{
	struct clone_args how = {.exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP};

	how.cgroup = (uint64_t)open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return (pid_t)syscall(SYS_clone3, &how, sizeof(how));
}

static void fork_and_obey(const char *directory, const char *line)
{
	pid_t child = directory ? fork_into(directory) : fork();
	int status = 0;

	if (child == 0) {
		/* Its answers are not the ones that are waited for. */
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		obey(line);
		_exit(0);
	}
	waitpid(child, &status, 0);
	answer("%d %d\n", (int)child, status);
}

static void obey(const char *line)
{
	char directory[256] = "";
	char word[16] = "";
	unsigned long first = 0, second = 0;
	int used = 0, more = 0;

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
		fork_and_obey(NULL, line + used);
	} else if (strcmp(word, "into") == 0) {
		sscanf(line + used, "%255s%n", directory, &more);
		fork_and_obey(directory, line + used + more);
	} else if (strcmp(word, "other") == 0) {
		tell_other(line + used);
	} else if (strcmp(word, "worker") == 0) {
		tell_worker(line + used);
	} else if (strcmp(word, "breed") == 0) {
		breed(line + used);
	} else if (strcmp(word, "user") == 0) {
		answer("%d\n", change_user(line + used));
	} else if (strcmp(word, "rename") == 0) {
		answer(rename_process(line + used) ? "failed\n" : "done\n");
	} else if (strcmp(word, "pid") == 0) {
		answer("%d\n", (int)getpid());
	} else if (strcmp(word, "exec") == 0) {
		execl(line + used, line + used, (char *)NULL);
		answer("failed\n");
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
	answer("pid %d\n", (int)getpid());
	obey_all(STDIN_FILENO);
	return 0;
}
