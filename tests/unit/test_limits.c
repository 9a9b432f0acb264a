/* SPDX-License-Identifier: MIT */
/* The deadline and the memory limit of a process, and of the children that work for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/unwind/sandbox.h"
#include "common/limits.h"

#define MS 1000000LL
#define MIB (1ULL << 20)

enum { STOPPED = 42, WENT_ON = 43 };

static int told[2];

static void __attribute__((noreturn)) stop(const char *sentence)
{
	_exit(write(told[1], sentence, strlen(sentence)) > 0 ? STOPPED : 1);
}

static const struct limits defaults = {.time_ns = 100 * MS,
				       .memory_bytes = 1ULL << 30,
				       .time_option = "--time-limit",
				       .memory_option = "--memory-limit",
				       .stop = stop};

/* Runs work() in a child; its exit status, and what stop() was told. */
static int run(void (*work)(void), char *sentence, size_t size)
{
	int status = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(told), 0);
	child = fork();
	if (child == 0) {
		work();
		_exit(WENT_ON);
	}
	close(told[1]);
	got = read(told[0], sentence, size - 1);
	sentence[got > 0 ? got : 0] = 0;
	close(told[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void nap(int64_t ns)
{
	struct timespec left = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* Whoever started us has blocked the signal. */
static void sleep_too_long(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	limits_begin(&defaults, "./a\x1b[31mcore");
	nap(20000 * MS);
}

static void loop_too_long(void)
{
	limits_begin(&defaults, "./core");
	for (volatile unsigned i = 0;; i++)
		;
}

static void end_in_time(void)
{
	limits_begin(&defaults, "./core");
	limits_end();
	nap(300 * MS);
}

static void pause_and_end(void)
{
	limits_begin(&defaults, "./core");
	limits_pause();
	limits_pause();
	nap(300 * MS);
	limits_resume();
	limits_resume();
	limits_end();
}

static void pause_and_go_on(void)
{
	limits_begin(&defaults, "./core");
	limits_pause();
	nap(300 * MS);
	limits_resume();
	nap(20000 * MS);
}

static void no_time_limit(void)
{
	struct limits limits = defaults;

	limits.time_ns = 0;
	limits_begin(&limits, "./core");
	nap(300 * MS);
}

static void alarm_of_another(void)
{
	struct limits limits = defaults;

	limits.time_ns = 60000 * MS;
	limits_begin(&limits, "./core");
	raise(SIGALRM);
}

static void ignored_alarm_of_another(void)
{
	signal(SIGALRM, SIG_IGN);
	alarm_of_another();
}

/* It is no word of ours: timeout -s ALRM, or an alarm(2) that was set before execve(2). */
static void test_alarm_of_another(void **state)
{
	char sentence[600];
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		alarm_of_another();
		_exit(WENT_ON);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGALRM);
	assert_int_equal(run(ignored_alarm_of_another, sentence, sizeof(sentence)), WENT_ON);
	assert_string_equal(sentence, "");
}

static void test_time(void **state)
{
	char sentence[600];

	(void)state;
	assert_int_equal(run(sleep_too_long, sentence, sizeof(sentence)), STOPPED);
	assert_non_null(strstr(sentence, "took more than 0.1 s; --time-limit raises the limit"));
	assert_null(strchr(sentence, '\x1b'));
	assert_int_equal(run(loop_too_long, sentence, sizeof(sentence)), STOPPED);
	assert_string_equal(sentence, "explaining ./core took more than 0.1 s; --time-limit raises the limit");
	assert_int_equal(run(end_in_time, sentence, sizeof(sentence)), WENT_ON);
	assert_int_equal(run(pause_and_end, sentence, sizeof(sentence)), WENT_ON);
	assert_int_equal(run(pause_and_go_on, sentence, sizeof(sentence)), STOPPED);
	assert_int_equal(run(no_time_limit, sentence, sizeof(sentence)), WENT_ON);
}

/* Memory that is mapped for reading does not count; what can be written does. */
static void map_and_allocate(void)
{
	void *mapped;

	limits_begin(&defaults, "./core");
	mapped = mmap(NULL, 4ULL << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapped == MAP_FAILED)
		_exit(1);
	/* What the program's allocator does. */
	mapped = mmap(NULL, 2ULL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapped == MAP_FAILED)
		limits_out_of_memory(2ULL << 30);
	_exit(2);
}

static void allocate_afterwards(void)
{
	struct rlimit before, after;
	void *mapped;

	getrlimit(RLIMIT_DATA, &before);
	limits_begin(&defaults, "./core");
	limits_end();
	getrlimit(RLIMIT_DATA, &after);
	mapped = mmap(NULL, 2ULL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapped == MAP_FAILED || memcmp(&before, &after, sizeof(before)) != 0)
		_exit(1);
	limits_out_of_memory(1);
}

static void test_memory(void **state)
{
	char sentence[600];

	(void)state;
	if (LIMITS_UNDER_SANITIZER)
		skip();
	assert_int_equal(run(map_and_allocate, sentence, sizeof(sentence)), STOPPED);
	assert_string_equal(sentence,
			    "explaining ./core took more than 1 GiB of memory; --memory-limit raises the limit");
	assert_int_equal(run(allocate_afterwards, sentence, sizeof(sentence)), WENT_ON);
}

/* ---- the confined child ---- */

static bool sleep_long(void *context, int output_fd)
{
	(void)context, (void)output_fd;
	for (volatile unsigned i = 0; i <= 1; i = i & 1)
		;
	return true;
}

/* As the program's allocator does; a request above all limits is refused, and nothing more. */
static bool allocate_much(void *context, int output_fd)
{
	(void)context, (void)output_fd;
	limits_out_of_memory(UINT64_MAX);
	for (unsigned i = 0; i < 1000; i++) {
		if (mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
		    MAP_FAILED)
			limits_out_of_memory(16 * MIB);
	}
	return true;
}

static bool receive(void *context, const uint8_t *bytes, size_t size)
{
	(void)context, (void)bytes, (void)size;
	return true;
}

static void test_child_memory(void **state)
{
	const struct sandbox_task task = {.work = allocate_much, .receive = receive};
	char *failure = NULL;

	(void)state;
	if (LIMITS_UNDER_SANITIZER)
		skip();
	limits_begin(&(struct limits){.time_ns = 60000 * MS,
				      .memory_bytes = 512 * MIB,
				      .time_option = "--time-limit",
				      .memory_option = "--memory-limit",
				      .stop = stop},
		     "./core");
	assert_null(sandbox_run(&task, &failure));
	limits_end();
	assert_string_equal(failure, "it needed more than 512 MiB of memory (--memory-limit raises the limit)");
	free(failure);
	/* Without anybody's limit there is one all the same: 16,000 MiB are more than 2 GiB. */
	assert_null(sandbox_run(&task, &failure));
	assert_non_null(strstr(failure, "memory"));
	free(failure);
}

/* The whole is over while the child works: it is killed, and waited for, and only then the sentence is said. */
static pid_t grandchild_of(pid_t parent)
{
	char path[64];
	FILE *file;
	int child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	file = fopen(path, "r");
	if (file && fscanf(file, "%d", &child) != 1)
		child = 0;
	if (file)
		fclose(file);
	return child;
}

static void __attribute__((noreturn)) stop_and_count(const char *sentence)
{
	(void)sentence;
	_exit(grandchild_of(getpid()) == 0 ? STOPPED : 1);
}

static void wait_for_child(void)
{
	const struct sandbox_task task = {.work = sleep_long, .receive = receive, .timeout_ms = 60000};
	struct limits limits = defaults;
	char *failure = NULL;

	limits.stop = stop_and_count;
	limits_begin(&limits, "./core");
	if (sandbox_run(&task, &failure) == NULL)
		nap(20000 * MS);
}

static void test_child_time(void **state)
{
	char sentence[600];

	(void)state;
	assert_int_equal(run(wait_for_child, sentence, sizeof(sentence)), STOPPED);
	assert_int_equal(limits_child_ms(), LIMITS_TIME_NS / MS / 2);
	assert_int_equal(limits_left_ms(1234), 1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),	   cmocka_unit_test(test_alarm_of_another),
		cmocka_unit_test(test_memory),	   cmocka_unit_test(test_child_memory),
		cmocka_unit_test(test_child_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
