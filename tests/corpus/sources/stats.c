// Statistics over samples of a sensor.
#include <fenv.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct series {
	int *samples;
	int count;
	int scale;
};

__attribute__((noinline)) static int mean(const struct series *series)
{
	long sum = 0;

	for (int i = 0; i < series->count; i++)
		sum += series->samples[i];
	return (int)(sum / series->count);
}

__attribute__((noinline)) static int rescale(const struct series *series, int at)
{
	return series->samples[at] / series->scale;
}

__attribute__((noinline)) static unsigned bucket(unsigned value, unsigned buckets)
{
	return value % buckets;
}

__attribute__((noinline)) static double ratio(double part, double whole)
{
	return part / whole;
}

__attribute__((noinline)) static const char *unit_name(int unit)
{
	switch (unit) {
	case 0:
		return "K";
	case 1:
		return "mm";
	case 2:
		return "hPa";
	}
#ifdef UNREACHABLE
	__builtin_trap();
#else
	return "?";
#endif
}

#if defined(NEW_CPU)
// Compiled for a machine that is not this one.
__attribute__((noinline)) static int fast_sum(const int *samples)
{
	// femms: 3DNow!, gone from all processors since.
	asm volatile(".byte 0x0f, 0x0e");
	return samples[0];
}
#endif

#if defined(PRIVILEGED)
__attribute__((noinline)) static unsigned read_port(unsigned short port)
{
	unsigned char value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
#endif

static void *analyse(void *argument)
{
	struct series *series = argument;

	printf("mean %d\n", mean(series));
	return NULL;
}

int main(int argc, char **argv)
{
	int samples[] = {INT_MIN, 7, 9, 12, 30};
	struct series series = {samples, 5, 2};
	pthread_t thread;

	printf("mean %d, first %d, %s\n", mean(&series), rescale(&series, 0), unit_name(argc % 3));
#if defined(EMPTY)
	series.count = 0;
	printf("mean %d\n", mean(&series));
#elif defined(EMPTY_THREAD)
	series.count = 0;
	pthread_create(&thread, NULL, analyse, &series);
	pthread_join(thread, NULL);
#elif defined(NEGATED)
	series.scale = -1;
	printf("first %d\n", rescale(&series, 0));
#elif defined(NO_BUCKETS)
	printf("bucket %u\n", bucket(17, (unsigned)(argc - 1)));
#elif defined(FLOATING)
	feenableexcept(FE_DIVBYZERO | FE_INVALID);
	printf("%f\n", ratio(1.0, argc - 1.0));
#elif defined(FLOATING_INVALID)
	feenableexcept(FE_DIVBYZERO | FE_INVALID);
	printf("%f\n", ratio(argc - 1.0, argc - 1.0));
#elif defined(UNREACHABLE)
	printf("%s\n", unit_name(7));
#elif defined(NEW_CPU)
	printf("%d\n", fast_sum(samples));
#elif defined(PRIVILEGED)
	printf("%u\n", read_port(0x60));
#elif defined(SENT)
	pid_t parent = getpid();
	if (fork() == 0) {
		kill(parent, SIGFPE);
		_exit(0);
	}
	for (volatile int i = 1;; i++)
		samples[1] = samples[2] / i;
#elif defined(WRAPPED)
	int big = INT_MAX - argc + 1;
	printf("%d\n", big + argc);
#elif defined(TRAP)
	asm volatile("int3");
	printf("%d\n", samples[1]);
#endif
	return 0;
}
