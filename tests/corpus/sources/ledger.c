// Books of account that are checked all the time; what fails is told and ends the program.
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct entry {
	long amount;
	int account;
};

static struct entry entries[100];
static int count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

__attribute__((noinline)) static void die(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fprintf(stderr, "ledger: ");
	vfprintf(stderr, format, list);
	fprintf(stderr, "\n");
	va_end(list);
	abort();
}

#define CHECK(condition) ((condition) ? (void)0 : die("%s:%d: check failed: %s", __FILE__, __LINE__, #condition))

__attribute__((noinline)) static void *must_allocate(size_t bytes)
{
	void *block = malloc(bytes);

	if (!block)
		die("out of memory: %zu bytes", bytes);
	return block;
}

__attribute__((noinline)) static void post(int account, long amount)
{
	pthread_mutex_lock(&lock);
	assert(count < 100 && "the book is full");
	entries[count++] = (struct entry){amount, account};
	pthread_mutex_unlock(&lock);
}

__attribute__((noinline)) static long balance(int account)
{
	long sum = 0;

	for (int i = 0; i < count; i++)
		if (entries[i].account == account)
			sum += entries[i].amount;
	return sum;
}

__attribute__((noinline)) static void close_books(void)
{
	long total = 0;

	for (int i = 0; i < count; i++)
		total += entries[i].amount;
#if defined(OWN_CHECK)
	CHECK(total == 0);
#elif defined(ERRNO)
	assert_perror(EBADMSG);
#else
	assert(total == 0);
#endif
}

static void *poster(void *argument)
{
	for (int i = 0; i < 60; i++)
		post(1, i);
	return NULL;
}

static void on_term(int number)
{
	const char text[] = "ledger: told to stop with open books\n";

	if (write(2, text, sizeof(text) - 1) > 0)
		abort();
}

static void at_end(void)
{
	close_books();
}

int main(int argc, char **argv)
{
	post(1, 100);
	post(2, -100);
	printf("%ld\n", balance(1));
#if defined(UNBALANCED)
	post(3, 5);
	close_books();
#elif defined(FULL)
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, poster, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
#elif defined(MEMORY)
	struct rlimit limit = {64 << 20, 64 << 20};
	setrlimit(RLIMIT_AS, &limit);
	memset(must_allocate(512 << 20), 0, 1);
#elif defined(UNCHECKED_MEMORY)
	struct rlimit limit = {64 << 20, 64 << 20};
	setrlimit(RLIMIT_AS, &limit);
	struct entry *big = malloc(512 << 20);
	for (int i = 0; i < 100; i++)
		big[i] = entries[i];
	printf("%ld\n", big[argc].amount);
#elif defined(TERM)
	signal(SIGTERM, on_term);
	raise(SIGTERM);
#elif defined(AT_EXIT)
	atexit(at_end);
	post(3, 5);
#elif defined(PLAIN)
	if (balance(2) != 100)
		abort();
#elif defined(STREAM)
	// The C library checks its own tables too.
	FILE *file = fopen("book", "w");
	*(void **)((char *)file + sizeof(FILE)) = entries;
	fprintf(file, "%d", count);
	fflush(file);
#endif
	return 0;
}
