// Somebody or something stands near the end and has not done it.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef PARENT_ENDS
// The child asked for a signal at its parent's end.
__attribute__((noipa)) static void serve(void)
{
	prctl(PR_SET_PDEATHSIG, SIGABRT);
	for (;;)
		pause();
}

int main(void)
{
	if (fork() == 0)
		serve();
	usleep(300000);
	return 0;
}
#endif

#ifdef THREAD_SENDS
// One thread waits in write(); another sends the signal that the kernel sends for a file that grows too long.
static void *complain(void *nothing)
{
	usleep(200000);
	kill(getpid(), SIGXFSZ);
	for (;;)
		pause();
	return nothing;
}

int main(void)
{
	static char bytes[70000];
	pthread_t thread;
	int ends[2];

	if (pipe(ends) || pthread_create(&thread, NULL, complain, NULL))
		return 1;
	for (;;)
		if (write(ends[1], bytes, sizeof(bytes)) < 0)
			return 1;
}
#endif

#ifdef PUSHED
// Assembler code that pushes text, and does not say so in the call frame information; the null pointer is another's.
__attribute__((noipa)) static long swap_in(long text, const long *from)
{
	long got;

	__asm__ volatile("push %1\n\tmov (%2), %0\n\tpop %1" : "=&r"(got) : "r"(text), "r"(from) : "memory");
	return got;
}

__attribute__((noipa)) static long restore(const long *from)
{
	return swap_in(0x4847464544434241, from) + 1;
}

int main(int argc, char **argv)
{
	(void)argv;
	return (int)restore((const long *)(long)(argc - 1));
}
#endif

#ifdef HANDLED
// A fault whose handler, which asked for no siginfo, aborts: the stack below the frame is full of what was there
// before.
static void on_fault(int number)
{
	(void)number;
	abort();
}

__attribute__((noipa)) static void fill_stack(void)
{
	volatile unsigned words[2000];

	for (unsigned i = 0; i < 2000; i++)
		words[i] = i % 4 == 0 ? 32 : i % 4 == 2 ? 0xffffffffu : 0;
}

__attribute__((noipa)) static int load(const int *from)
{
	return *from;
}

int main(int argc, char **argv)
{
	(void)argv;
	signal(SIGSEGV, on_fault);
	fill_stack();
	return load((const int *)(long)(argc - 1)) + 1;
}
#endif
