// A supervisor with workers: who signals whom differs.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t child_pid;
static int ready[2];
static pthread_t main_thread, worker_thread;

static void tell_ready(void)
{
	if (write(ready[1], "r", 1) != 1)
		_exit(2);
}

static void wait_ready(void)
{
	char c;

	if (read(ready[0], &c, 1) != 1)
		_exit(2);
}

__attribute__((noinline)) static void serve_forever(void)
{
	struct timespec pause = {.tv_nsec = 10000000};

	for (;;)
		nanosleep(&pause, NULL);
}

__attribute__((noinline)) static unsigned long crunch(void)
{
	volatile unsigned long n = 1;

	for (;;)
		n = n * 2862933555777941757UL + 3037000493UL;
	return n;
}

// A watchdog that finds its parent too slow.
static void watchdog(int number)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		wait_ready();
		kill(parent, number);
		_exit(0);
	}
}

static void forward(int number)
{
	kill(child_pid, number);
}

// The runtime's handler hands the signal to the thread that is responsible.
static void hand_over(int number)
{
	if (!pthread_equal(pthread_self(), worker_thread)) {
		pthread_kill(worker_thread, number);
		return;
	}
	signal(number, SIG_DFL);
	raise(number);
}

static void on_term(int number)
{
	signal(SIGQUIT, SIG_DFL);
	raise(SIGQUIT);
}

static void *worker(void *unused)
{
	tell_ready();
	serve_forever();
	return NULL;
}

static void supervise(int number)
{
	pid_t supervisor = getpid(), pid;

	signal(number, forward);
	child_pid = fork();
	if (child_pid == 0) {
		signal(number, SIG_DFL);
		tell_ready();
		serve_forever();
	}
	pid = fork();
	if (pid == 0) {
		wait_ready();
		kill(supervisor, number);
		_exit(0);
	}
	while (waitpid(child_pid, NULL, 0) < 0 && errno == EINTR)
		;
	exit(0);
}

int main(int argc, char **argv)
{
	int number = argc > 1 ? atoi(argv[1]) : SIGQUIT;

	if (pipe(ready) != 0)
		return 1;
#if defined(WATCHDOG)
	watchdog(number);
	tell_ready();
	serve_forever();
#elif defined(WATCHDOG_THREADS)
	watchdog(number);
	pthread_create(&worker_thread, NULL, worker, NULL);
	pthread_join(worker_thread, NULL);
#elif defined(SUPERVISED)
	supervise(number);
#elif defined(HANDED_OVER)
	signal(number, hand_over);
	watchdog(number);
	pthread_create(&worker_thread, NULL, worker, NULL);
	pthread_join(worker_thread, NULL);
#elif defined(TERM_TO_QUIT)
	signal(SIGTERM, on_term);
	watchdog(SIGTERM);
	tell_ready();
	serve_forever();
#elif defined(CPU_LIMIT)
	struct rlimit limit = {1, 2};
	setrlimit(RLIMIT_CPU, &limit);
	printf("%lu\n", crunch());
#elif defined(FILE_LIMIT)
	struct rlimit limit = {65536, 65536};
	static char block[8192];
	FILE *file = fopen("journal", "w");
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < 100; i++)
		fwrite(block, sizeof(block), 1, file);
	fclose(file);
#elif defined(SELF)
	fprintf(stderr, "workers: bad state, giving up\n");
	kill(getpid(), number);
	serve_forever();
#elif defined(ALARM)
	signal(SIGALRM, SIG_DFL);
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number};
	struct itimerspec when = {.it_value.tv_nsec = 20000000};
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &when, NULL);
	serve_forever();
#endif
	return 0;
}
