// A job scheduler: callbacks, timers, a watchdog of its own.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef void (*job_function)(void *);

struct job {
	job_function run;
	void *argument;
	union {
		double deadline;
		job_function on_error;
	};
	char tag[8];
};

static struct job jobs[8];
static int job_count;
static jmp_buf recover;
static pthread_t stuck;

extern void optional_hook(void) __attribute__((weak));

static void hello(void *argument)
{
	printf("job %s\n", (char *)argument);
}

static void add(job_function run, void *argument, double deadline)
{
	jobs[job_count++] = (struct job){.run = run, .argument = argument, .deadline = deadline, .tag = "job"};
}

__attribute__((noinline)) static void run_all(int count)
{
	for (int i = 0; i < count; i++)
		jobs[i].run(jobs[i].argument);
}

__attribute__((noinline)) static void fail(struct job *job)
{
	job->on_error(job->argument);
}

__attribute__((noinline)) static void spin(void *argument)
{
	volatile int *stop = argument;

	while (!*stop)
		;
}

static void *worker(void *argument)
{
	spin(argument);
	return NULL;
}

__attribute__((noinline)) static int sum_tree(int depth, const int *seed)
{
	int local[32];

	for (int i = 0; i < 32; i++)
		local[i] = seed[0] + i;
	if (depth == 0)
		return local[31];
	return sum_tree(depth - 1, local) + sum_tree(depth - 1, local + 1);
}

static void *on_big_stack(void *argument)
{
	int numbers[16] = {3, 1, 4, 1, 5, 9, 2, 6};

	*(int **)argument = numbers;
	return NULL;
}

__attribute__((noinline)) static int first_of(const int *numbers)
{
	return numbers[0];
}

__attribute__((noinline)) static void poison(void)
{
	volatile double filler[64];

	for (int i = 0; i < 64; i++)
		filler[i] = 1e100 * (i + 1);
}

__attribute__((noinline)) static int use_uninitialised(int choice)
{
	int *picked[40];
	int value = 7;

	if (choice > 100)
		for (int i = 0; i < 40; i++)
			picked[i] = &value;
	return *picked[choice + 11];
}

int main(int argc, char **argv)
{
	static volatile int stop;
	struct rlimit limit;

	add(hello, "one", 1.5);
	add(hello, "two", 2.5);
	run_all(job_count);
#if defined(TOO_MANY)
	run_all(job_count + 1);
#elif defined(UNION)
	fail(&jobs[1]);
#elif defined(WEAK)
	if (argc > 0)
		optional_hook();
#elif defined(JUMP)
	if (setjmp(recover) == 0) {
		memset(recover, 0x5a, 64);
		longjmp(recover, 1);
	}
#elif defined(STUCK)
	pthread_create(&stuck, NULL, worker, (void *)&stop);
	usleep(20000);
	fprintf(stderr, "scheduler: worker is stuck\n");
	pthread_kill(stuck, SIGABRT);
	pthread_join(stuck, NULL);
#elif defined(QUEUED)
	pid_t parent = getpid();
	if (fork() == 0) {
		sigqueue(parent, SIGSEGV, (union sigval){.sival_int = 42});
		_exit(0);
	}
	spin((void *)&stop);
#elif defined(SHELL)
	char command[64];
	snprintf(command, sizeof(command), "sleep 0.05; kill -BUS %d", getpid());
	system(command);
	spin((void *)&stop);
#elif defined(LITTLE_STACK)
	if (argc == 1) {
		getrlimit(RLIMIT_STACK, &limit);
		limit.rlim_cur = 128 * 1024;
		setrlimit(RLIMIT_STACK, &limit);
		execl("/proc/self/exe", argv[0], "small", NULL);
	}
	int seed = 1;
	printf("%d\n", sum_tree(900, &seed));
#elif defined(DEAD_STACK)
	int *numbers = NULL;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 96 << 20); // too large for the C library's cache
	pthread_create(&stuck, &attributes, on_big_stack, &numbers);
	pthread_join(stuck, NULL);
	usleep(1000);
	printf("%d\n", first_of(numbers));
#elif defined(UNINITIALISED)
	poison();
	printf("%d\n", use_uninitialised(argc));
#elif defined(CHILD)
	pid_t pid = fork();
	if (pid == 0) {
		struct job *none = NULL;
		fail(none);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
#elif defined(SHRUNK_BREAK)
	char *heap = sbrk(16 * 4096);
	strcpy(heap + 9 * 4096, "late");
	sbrk(-12 * 4096);
	printf("%s\n", heap + 9 * 4096);
#elif defined(CLOCK)
	clock_gettime(CLOCK_MONOTONIC, (struct timespec *)(intptr_t)(argc * 8));
#elif defined(TRAP)
	fprintf(stderr, "scheduler: fatal\n");
	raise(SIGTRAP);
#elif defined(ILL)
	fprintf(stderr, "scheduler: fatal\n");
	raise(SIGILL);
#elif defined(FLIPPED)
	jobs[1].run = (job_function)((uintptr_t)jobs[1].run ^ (1ull << 37));
	run_all(job_count);
#elif defined(RODATA)
	static const unsigned char code[] = {0xc3};
	add((job_function)code, NULL, 0);
	run_all(job_count);
#endif
	return 0;
}
