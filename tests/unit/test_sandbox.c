/* SPDX-License-Identifier: MIT */
/* The sandbox itself: what a child may not do, and that none of its ends harms or delays the caller. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/unwind/sandbox.h"

struct answer {
	uint8_t bytes[1 << 20];
	size_t size;
	int descriptor; /* for the work to use */
	bool refuse;
};

static struct answer answer;

static bool keep(void *context, const uint8_t *bytes, size_t size)
{
	struct answer *to = context;

	if (to->refuse || size > sizeof(to->bytes) - to->size)
		return false;
	memcpy(to->bytes + to->size, bytes, size);
	to->size += size;
	return true;
}

static char *run(bool (*work)(void *context, int output_fd), unsigned timeout_ms)
{
	struct sandbox_task task = {.work = work, .receive = keep, .context = &answer, .timeout_ms = timeout_ms};
	struct error *err;
	char *failure;

	if (answer.descriptor > 0) {
		task.descriptors = &answer.descriptor;
		task.descriptor_count = 1;
	}
	err = sandbox_run(&task, &failure);
	assert_null(err);
	return failure;
}

static int reset(void **state)
{
	(void)state;
	answer = (struct answer){0};
	return 0;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool put(int fd, const void *bytes, size_t size)
{
	return write(fd, bytes, size) == (ssize_t)size;
}

static bool work_forbidden(void *context, int output_fd)
{
	int errors[7] = {0};

	(void)context;
	errors[0] = open("/dev/null", O_RDONLY) < 0 ? errno : 0;
	errors[1] = socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
	errors[2] = execl("/bin/true", "true", NULL) < 0 ? errno : 0;
	errors[3] = fork() < 0 ? errno : 0;
	errors[4] = kill(getppid(), 0) < 0 ? errno : 0;
	errors[5] = unlink("/nonexistent") < 0 ? errno : 0;
	errors[6] = dup2(0, output_fd) < 0 ? errno : 0;
	return put(output_fd, errors, sizeof(errors));
}

static void test_forbidden_calls_fail(void **state)
{
	int errors[7];

	(void)state;
	assert_null(run(work_forbidden, 5000));
	assert_int_equal(answer.size, sizeof(errors));
	memcpy(errors, answer.bytes, sizeof(errors));
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(errors[i], EPERM);
}

static bool work_descriptors(void *context, int output_fd)
{
	struct answer *from = context;
	char byte = '?';
	int given = pread(from->descriptor, &byte, 1, 0) == 1;
	int hidden = fcntl(from->descriptor + 1, F_GETFD) < 0;
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return given && byte == 'x' && hidden && put(output_fd, code == MAP_FAILED ? "1" : "0", 1);
}

static void test_only_given_descriptors(void **state)
{
	char name[] = "/tmp/test_sandbox.XXXXXX";
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	unlink(name);
	assert_true(put(fd, "x", 1));
	assert_true(fcntl(fd, F_DUPFD_CLOEXEC, fd + 1) == fd + 1);
	answer.descriptor = fd;
	assert_null(run(work_descriptors, 5000));
	close(fd);
	close(fd + 1);
#ifndef __SANITIZE_ADDRESS__
	assert_memory_equal(answer.bytes, "1", 1);
#endif
}

static bool work_crash(void *context, int output_fd)
{
	(void)context;
	if (!put(output_fd, "before", 6))
		return false;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return true;
}

static void test_crash_is_a_failure(void **state)
{
	char *failure = run(work_crash, 5000);

	(void)state;
	assert_non_null(failure);
	assert_non_null(strstr(failure, "signal 11"));
	assert_int_equal(answer.size, 6);
	free(failure);
}

static bool work_hang(void *context, int output_fd)
{
	(void)context;
	(void)output_fd;
	while (sched_yield() == 0)
		;
	return false;
}

static bool work_close_and_hang(void *context, int output_fd)
{
	close(output_fd);
	return work_hang(context, -1);
}

static void test_hang_is_a_failure(void **state)
{
	double start = seconds();
	char *failure = run(work_hang, 200);

	(void)state;
	assert_non_null(failure);
	assert_non_null(strstr(failure, "too long"));
	free(failure);
	failure = run(work_close_and_hang, 60000);
	assert_non_null(failure);
	free(failure);
	assert_true(seconds() - start < 10);
}

static bool work_fail(void *context, int output_fd)
{
	(void)context;
	(void)output_fd;
	return false;
}

static bool work_large(void *context, int output_fd)
{
	static uint8_t bytes[300000];

	(void)context;
	memset(bytes, 'a', sizeof(bytes));
	return put(output_fd, bytes, 100000) && put(output_fd, bytes, 200000);
}

static void test_answers(void **state)
{
	char *failure = run(work_fail, 5000);

	(void)state;
	assert_non_null(failure);
	free(failure);
	assert_null(run(work_large, 5000));
	assert_int_equal(answer.size, 300000);
	answer.refuse = true;
	failure = run(work_large, 5000);
	assert_non_null(failure);
	assert_non_null(strstr(failure, "no sense"));
	free(failure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_forbidden_calls_fail, reset),
		cmocka_unit_test_setup(test_only_given_descriptors, reset),
		cmocka_unit_test_setup(test_crash_is_a_failure, reset),
		cmocka_unit_test_setup(test_hang_is_a_failure, reset),
		cmocka_unit_test_setup(test_answers, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
