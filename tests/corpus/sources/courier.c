// SPDX-License-Identifier: MIT
// A courier service: dispatch by tables of functions, notices by signals, parcels on the heap.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct parcel {
	long number;
	char *address;
	struct parcel *next;
	void (*deliver)(struct parcel *);
};

static struct parcel *parcels;
static volatile sig_atomic_t told, courier;
static int ready[2];
static pthread_t clerk;

__attribute__((noinline)) static void by_bicycle(struct parcel *parcel)
{
	printf("%ld by bicycle to %s\n", parcel->number, parcel->address);
}

__attribute__((noinline)) static void by_van(struct parcel *parcel)
{
	printf("%ld by van to %s\n", parcel->number, parcel->address);
}

static struct parcel *take(long number, const char *address)
{
	struct parcel *parcel = malloc(sizeof(*parcel));

	*parcel = (struct parcel){.number = number, .address = strdup(address), .next = parcels};
	parcel->deliver = number % 2 ? by_bicycle : by_van;
	return parcels = parcel;
}

__attribute__((noinline)) static void deliver_all(void)
{
	for (struct parcel *parcel = parcels; parcel; parcel = parcel->next)
		parcel->deliver(parcel);
}

__attribute__((noinline)) static size_t label_width(const struct parcel *parcel)
{
	return strlen(parcel->address) + 2;
}

__attribute__((noinline)) static char *copy_label(char *to, const struct parcel *parcel, size_t bytes)
{
	memcpy(to, parcel->address, bytes);
	return to + bytes;
}

__attribute__((noinline)) static void give_back(void *block)
{
	free(block);
	__asm__ volatile("" ::: "memory"); /* so that it is a call, no jump */
}

static void pass_on(int number)
{
	(void)number;
	kill(courier, SIGABRT);
}

static void note(int number)
{
	told = number;
}

static void by_the_clerk(int number)
{
	if (!pthread_equal(pthread_self(), clerk)) {
		pthread_kill(clerk, number);
		return;
	}
	signal(SIGABRT, SIG_DFL);
	kill(getpid(), SIGABRT);
}

static void last_words(int number, siginfo_t *info, void *context)
{
	static const char text[] = "courier: going down\n";

	if (write(2, text, sizeof(text) - 1) < 0)
		_exit(3);
	signal(number, SIG_DFL);
	kill(getpid(), number);
}

static void wait_ready(void)
{
	char c;

	if (read(ready[0], &c, 1) != 1)
		_exit(2);
}

static void serve(void)
{
	struct timespec pause = {.tv_nsec = 5000000};

	if (write(ready[1], "r", 1) != 1)
		_exit(2);
	for (;;)
		nanosleep(&pause, NULL);
}

static void tell_from_outside(int number)
{
	pid_t self = getpid();

	if (fork() == 0) {
		wait_ready();
		kill(self, number);
		_exit(0);
	}
}

static void *clerks_work(void *unused)
{
	serve();
	return unused;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = last_words, .sa_flags = SA_SIGINFO};

	if (pipe(ready) != 0)
		return 1;
	take(1, "Lime Street 4");
	take(2, "Dock Road 17");
	take(3, "Hill Lane 2");
	deliver_all();
#if defined(FLIPPED)
	parcels->deliver = (void (*)(struct parcel *))((uintptr_t)parcels->deliver ^ 1ul << 41);
	deliver_all();
#elif defined(TWO_FLIPPED)
	parcels->deliver = (void (*)(struct parcel *))((uintptr_t)parcels->deliver ^ 5ul << 40);
	deliver_all();
#elif defined(MOVED_CODE)
	// By a constant that has one bit, and not back to a function's entry.
	parcels->deliver = (void (*)(struct parcel *))((uintptr_t)parcels->deliver + 3 + (1ul << 40));
	deliver_all();
#elif defined(LINK_FLIPPED)
	parcels->next = (struct parcel *)((uintptr_t)parcels->next ^ 1ul << 39);
	deliver_all();
#elif defined(PASSED_ON)
	// The office is told to stop, and stops its courier in its own way.
	signal(SIGTERM, pass_on);
	courier = fork();
	if (courier == 0)
		serve();
	wait_ready();
	tell_from_outside(SIGTERM);
	if (write(ready[1], "r", 1) != 1)
		return 2;
	while (waitpid(courier, NULL, 0) < 0 && errno == EINTR)
		;
#elif defined(TOLD_THEN_KILLS)
	// Its handler has returned long before it kills: by its own decision.
	signal(SIGUSR1, note);
	courier = fork();
	if (courier == 0)
		serve();
	wait_ready();
	raise(SIGUSR1);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	kill(courier, SIGABRT);
	waitpid(courier, NULL, 0);
#elif defined(CLERK)
	signal(SIGTERM, by_the_clerk);
	tell_from_outside(SIGTERM);
	pthread_create(&clerk, NULL, clerks_work, NULL);
	pthread_join(clerk, NULL);
#elif defined(FAULT_SENT_AGAIN)
	sigaction(SIGSEGV, &action, NULL);
	parcels->next->address = NULL;
	printf("%c\n", *parcels->next->address);
#elif defined(DIVISION_SENT_AGAIN)
	sigaction(SIGFPE, &action, NULL);
	printf("%ld\n", parcels->number / (argc - 1));
#elif defined(ABORT_AFTER_NOTE)
	signal(SIGUSR1, note);
	raise(SIGUSR1);
	if (told)
		abort();
#elif defined(NO_ADDRESS)
	parcels->address = NULL;
	printf("%zu\n", label_width(parcels));
#elif defined(LONG_LABEL)
	static char to[1 << 20];
	printf("%s\n", copy_label(to, parcels, (size_t)argc << 19));
#elif defined(INNER_FREE)
	give_back(&parcels->address);
#elif defined(FREED_TWICE)
	void *block = parcels;
	give_back(block);
	give_back(block);
#elif defined(GONE)
	// Whoever uses it next reads the allocator's own words.
	struct parcel *last = parcels;
	struct parcel *first = last->next->next;
	give_back(last);
	give_back(first);
	printf("%ld\n", first->next ? 1L : label_width((struct parcel *)(uintptr_t)first->number));
#endif
	return 0;
}
