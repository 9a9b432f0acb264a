/* SPDX-License-Identifier: MIT */
/*
 * Ends whose sender is easily mistaken: senders MODE. It prints its pid first, as its own namespace has it.
 *
 * signal   the main thread sends SIGSEGV, which it blocks, to the process; the kernel picks the thread that waits in
 *          syscall(), and the main thread has gone on into pause()
 * watchdog a thread ends the process with kill(getpid(), SIGABRT); the main thread, which waits, gets it
 * alarm    handles the first SIGALRM, which somebody sends, and dies of the second, which is a timer's
 * hog      allocates until it is killed
 * threads  waits in three threads
 * idle     waits
 */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static int word;
static volatile sig_atomic_t handled;

static void *waiter(void *unused)
{
	syscall(SYS_futex, &word, FUTEX_WAIT, 0, 0, 0, 0);
	return unused;
}

static __attribute__((noinline)) void send_and_go_on(int number)
{
	kill(getpid(), number);
	for (;;)
		pause();
}

static void *watchdog(void *unused)
{
	usleep(100000);
	send_and_go_on(SIGABRT);
	return unused;
}

static void on_alarm(int number)
{
	(void)number;
	handled = 1;
}

static void start(void *(*function)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, function, NULL);
	usleep(100000);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "threads") == 0) {
		start(waiter);
		start(waiter);
		mode = "idle";
	}
	signal(SIGQUIT, SIG_DFL); /* a shell without job control makes what runs behind it ignore that */
	signal(SIGALRM, on_alarm);
	printf("%d\n", getpid());
	fflush(stdout);
	if (strcmp(mode, "signal") == 0) {
		sigset_t blocked;

		start(waiter);
		sigemptyset(&blocked);
		sigaddset(&blocked, SIGSEGV);
		pthread_sigmask(SIG_BLOCK, &blocked, NULL);
		send_and_go_on(SIGSEGV);
	} else if (strcmp(mode, "watchdog") == 0) {
		pthread_t thread;

		pthread_create(&thread, NULL, watchdog, NULL);
		poll(NULL, 0, -1);
	} else if (strcmp(mode, "alarm") == 0) {
		struct itimerval timer = {.it_value = {.tv_usec = 50000}};

		while (!handled)
			usleep(1000);
		signal(SIGALRM, SIG_DFL);
		setitimer(ITIMER_REAL, &timer, NULL);
	} else if (strcmp(mode, "hog") == 0) {
		for (;;) {
			char *block = malloc(1 << 20);

			if (block)
				memset(block, 1, 1 << 20);
		}
	} else if (strcmp(mode, "idle") != 0) {
		return 2;
	}
	for (;;)
		pause();
}
