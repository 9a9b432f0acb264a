/* SPDX-License-Identifier: MIT */
/*
 * Crowds the recorder's buffers: stops the recorder (a pid), fills its ring, and lets something happen that is told
 * once.
 *
 *     crowd exec RECORDER CHILDREN PROGRAM ARGUMENT...  has some children, fills the ring, makes CHILDREN more that end
 *                                                       at once, lets the first ones end, then becomes PROGRAM
 *     crowd relay PROGRAM ARGUMENT...                   becomes PROGRAM
 *     crowd hand-over RECORDER RELAY PROGRAM ARGUMENT...
 *                                                       fills the ring; a child becomes RELAY relay PROGRAM...
 *     crowd victim RECORDER                             lets the recorder go on, and reads what it has unmapped
 *     crowd path FILE N                                 N calls, then maps FILE, then twenty more
 *     crowd end THREADS ROUNDS                          ROUNDS children whose THREADS threads end at the same moment
 *     crowd give-up THREADS ROUNDS                      the same, while they are in hang_on(), by the exit of another
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK_BYTES (1 << 20)
#define EARLY_CHILDREN 8

static pid_t recorder(const char *text)
{
	return strcmp(text, "parent") == 0 ? getppid() : atoi(text);
}

static void stop_and_fill(pid_t pid)
{
	usleep(300000); /* so that what is told of our own beginning has been taken out of the ring */
	kill(pid, SIGSTOP);
	for (int i = 0; i < 4000; i++)
		prctl(PR_GET_DUMPABLE, i, 0, 0, 0);
}

static int become(char **words)
{
	execv(words[0], words);
	perror(words[0]);
	return 127;
}

static int fill_and_become(char **words)
{
	int gate[2];
	char byte;

	if (pipe2(gate, O_CLOEXEC))
		return 1;
	for (int i = 0; i < EARLY_CHILDREN; i++) {
		if (fork() == 0) {
			close(gate[1]);
			_exit(read(gate[0], &byte, 1) == 0 ? 7 : 1);
		}
	}
	stop_and_fill(recorder(words[0]));
	for (int left = atoi(words[1]); left; left--) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		waitpid(child, NULL, 0);
	}
	close(gate[1]);
	for (int i = 0; i < EARLY_CHILDREN; i++)
		wait(NULL);
	return become(words + 2);
}

static int fill_and_hand_over(char **words)
{
	int status;

	stop_and_fill(recorder(words[0]));
	if (fork() == 0) {
		char *relay[16] = {words[1], "relay"};

		for (int i = 0; i < 13 && words[2 + i]; i++)
			relay[2 + i] = words[2 + i];
		_exit(become(relay));
	}
	wait(&status);
	return WIFSIGNALED(status) ? 0 : 1;
}

__attribute__((noinline)) static void take_away(char *block)
{
	munmap(block, BLOCK_BYTES);
	__asm__ volatile("");
}

static int die(const char *recorder_word)
{
	const struct rlimit none = {0};
	volatile char *block;

	setrlimit(RLIMIT_CORE, &none);
	kill(recorder(recorder_word), SIGCONT);
	usleep(1500000);
	for (int i = 0; i < 10; i++)
		prctl(PR_GET_DUMPABLE, i, 0, 0, 0);
	usleep(500000); /* whoever was owed an announcement has it now */
	block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	block[0] = 1;
	take_away((char *)block);
	usleep(1000);
	return block[0];
}

static int map_path(const char *path, int calls)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < calls; i++) {
		prctl(PR_GET_DUMPABLE, i, 0, 0, 0);
		if (i % 2000 == 1999)
			usleep(20000);
	}
	if (fd < 0 || mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		return 1;
	for (int i = 0; i < 20; i++)
		prctl(PR_GET_DUMPABLE, i, 0, 0, 0);
	return 0;
}

static void *end_together(void *barrier)
{
	pthread_barrier_wait(barrier);
	syscall(SYS_exit, 0);
	return NULL;
}

static int end_often(int threads, int rounds)
{
	for (; rounds; rounds--) {
		if (fork() == 0) {
			pthread_barrier_t barrier;
			pthread_t thread;

			pthread_barrier_init(&barrier, NULL, (unsigned)threads);
			for (int i = 1; i < threads; i++)
				pthread_create(&thread, NULL, end_together, &barrier);
			end_together(&barrier);
		}
		wait(NULL);
	}
	return 0;
}

__attribute__((noinline)) void hang_on(const volatile int *until);

void hang_on(const volatile int *until)
{
	while (!*until)
		pause();
	__asm__ volatile("");
}

static void *hang_on_together(void *barrier)
{
	static int never;

	pthread_barrier_wait(barrier);
	hang_on(&never);
	return NULL;
}

static int give_up_often(int threads, int rounds)
{
	for (; rounds; rounds--) {
		if (fork() == 0) {
			pthread_barrier_t barrier;
			pthread_t thread;

			pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
			for (int i = 0; i < threads; i++)
				pthread_create(&thread, NULL, hang_on_together, &barrier);
			pthread_barrier_wait(&barrier);
			usleep(3000);
			_exit(0);
		}
		wait(NULL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "exec") == 0 && argc > 4)
		return fill_and_become(argv + 2);
	if (strcmp(what, "relay") == 0 && argc > 2)
		return become(argv + 2);
	if (strcmp(what, "hand-over") == 0 && argc > 4)
		return fill_and_hand_over(argv + 2);
	if (strcmp(what, "victim") == 0 && argc == 3)
		return die(argv[2]);
	if (strcmp(what, "path") == 0 && argc == 4)
		return map_path(argv[2], atoi(argv[3]));
	if (strcmp(what, "end") == 0 && argc == 4)
		return end_often(atoi(argv[2]), atoi(argv[3]));
	if (strcmp(what, "give-up") == 0 && argc == 4)
		return give_up_often(atoi(argv[2]), atoi(argv[3]));
	return 2;
}
