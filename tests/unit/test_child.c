/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/array.h"
#include "common/child.h"
#include "common/cleanup.h"

#define TEXT(...) ((char *const[]){__VA_ARGS__, NULL})

static unsigned count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* No child is left, reaped or not. */
static void assert_childless(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static int exit_with(void *context, const int ends[CHILD_STREAMS])
{
	(void)ends;
	return *(const int *)context;
}

static void test_exit_codes(void **state)
{
	static const int codes[] = {0, 1, 7, 255};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct child_task task = {.work = exit_with, .context = (void *)&codes[i]};
		cleanup_child struct child child = CHILD_NONE;
		struct child_status status;

		assert_null(child_start(&task, &child));
		assert_true(child.pid > 0);
		status = child_wait(&child);
		assert_int_equal(status.exit_code, codes[i]);
		assert_int_equal(status.signal, 0);
		assert_int_equal(child.pid, 0);
		/* Once: its number is nobody's now. */
		status = child_kill(&child);
		assert_int_equal(status.exit_code, -1);
		assert_int_equal(status.signal, 0);
	}
	assert_childless();
}

static int raise_it(void *context, const int ends[CHILD_STREAMS])
{
	(void)ends;
	raise(*(const int *)context);
	return 0;
}

static int sleep_long(void *context, const int ends[CHILD_STREAMS])
{
	(void)context;
	(void)ends;
	sleep(600);
	return 0;
}

static void test_signals(void **state)
{
	int number = SIGUSR1;
	struct child_task task = {.work = raise_it, .context = &number}, sleeper = {.work = sleep_long};
	cleanup_child struct child child = CHILD_NONE;
	struct child_status status;

	(void)state;
	assert_null(child_start(&task, &child));
	status = child_wait(&child);
	assert_int_equal(status.exit_code, -1);
	assert_int_equal(status.signal, SIGUSR1);
	assert_null(child_start(&sleeper, &child));
	status = child_kill(&child);
	assert_int_equal(status.exit_code, -1);
	assert_int_equal(status.signal, SIGKILL);
	/* What is left when the scope ends is ended then. */
	{
		cleanup_child struct child left = CHILD_NONE;

		assert_null(child_start(&sleeper, &left));
	}
	assert_childless();
}

static void test_deadlines(void **state)
{
	struct child_task task = {.work = sleep_long, .pipes = CHILD_PIPE(CHILD_OUTPUT) | CHILD_PIPE(CHILD_ANSWER)};
	cleanup_child struct child child = CHILD_NONE;
	struct child_status status = {77, 77};
	int64_t began_ns = deadline_clock_ns();
	char *text = NULL;
	size_t size;
	struct error *err;
	char byte;

	(void)state;
	assert_null(child_start(&task, &child));
	assert_false(child_await(&child, deadline_in_ms(50), &status));
	assert_int_equal(status.exit_code, 77);
	assert_true(child.pid > 0);
	assert_int_equal(child_read(&child, CHILD_OUTPUT, deadline_in_ms(50), &byte, 1), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(child_read_answer(&child, deadline_in_ms(50), &byte, 1), ETIMEDOUT);
	err = child_read_text(&child, CHILD_OUTPUT, deadline_in_ms(50), 100, "it", &text, &size);
	assert_non_null(err);
	assert_int_equal(err->system_errno, ETIMEDOUT);
	assert_null(text);
	error_destroy(err);
	assert_true(deadline_clock_ns() - began_ns >= 200000000);
	assert_int_equal(child_kill(&child).signal, SIGKILL);
	assert_childless();
}

static int write_without_end(void *context, const int ends[CHILD_STREAMS])
{
	(void)context;
	while (write(ends[CHILD_ANSWER], "aaaaaaaa", 8) == 8)
		;
	return 0;
}

/* One that always has something to say gets no more time for that. */
static void test_endless(void **state)
{
	struct child_task task = {.work = write_without_end, .pipes = CHILD_PIPE(CHILD_ANSWER)};
	cleanup_child struct child child = CHILD_NONE;
	const struct deadline deadline = deadline_in_ms(100);
	cleanup_free char *text = NULL;
	char bytes[4096];
	struct error *err;
	ssize_t got;
	size_t size;

	(void)state;
	assert_null(child_start(&task, &child));
	do
		got = child_read(&child, CHILD_ANSWER, deadline, bytes, sizeof(bytes));
	while (got > 0);
	assert_int_equal(got, -1);
	assert_int_equal(errno, ETIMEDOUT);
	err = child_read_text(&child, CHILD_ANSWER, deadline_never(), 1000, "the text", &text, &size);
	assert_non_null(err);
	assert_int_equal(err->system_errno, EMSGSIZE);
	assert_string_equal(err->message, "the text is impossibly long");
	error_destroy(err);
}

struct words {
	char text[200000];
};

static int write_words(void *context, const int ends[CHILD_STREAMS])
{
	const struct words *words = context;
	size_t used = 0;

	while (used < sizeof(words->text)) {
		ssize_t put = write(ends[CHILD_ANSWER], words->text + used, sizeof(words->text) - used);

		if (put < 0)
			return 1;
		used += (size_t)put;
	}
	return 0;
}

static void test_text(void **state)
{
	cleanup_free struct words *words = malloc(sizeof(*words)), *same = malloc(sizeof(*same));
	struct child_task task = {.work = write_words, .context = words, .pipes = CHILD_PIPE(CHILD_ANSWER)};
	cleanup_child struct child child = CHILD_NONE;
	cleanup_free char *text = NULL;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(words->text); i++)
		words->text[i] = (char)('a' + i % 23);
	assert_null(child_start(&task, &child));
	assert_null(child_read_text(&child, CHILD_ANSWER, deadline_never(), sizeof(words->text), "it", &text, &size));
	assert_int_equal(size, sizeof(words->text));
	assert_memory_equal(text, words->text, size);
	assert_int_equal(text[size], 0);
	assert_int_equal(child_wait(&child).exit_code, 0);
	child_deinit(&child);
	assert_null(child_start(&task, &child));
	assert_int_equal(child_read_answer(&child, deadline_never(), same, sizeof(*same)), 0);
	assert_memory_equal(same, words, sizeof(*words));
	/* It has ended, and has no more to say. */
	assert_int_equal(child_read_answer(&child, deadline_never(), same, 1), ENODATA);
	assert_int_equal(child_wait(&child).exit_code, 0);
}

/* ---- programs ---- */

static void test_program(void **state)
{
	struct child_task task = {.arguments = TEXT((char *)"sh", (char *)"-c", (char *)"cat; echo err >&2; exit 3"),
				  .pipes = CHILD_PIPE(CHILD_INPUT) | CHILD_PIPE(CHILD_OUTPUT) |
					   CHILD_PIPE(CHILD_ERRORS)};
	unsigned open_before = count_descriptors();
	struct child child;
	char *text;
	size_t size;

	(void)state;
	assert_null(child_start(&task, &child));
	assert_int_equal(write(child.ends[CHILD_INPUT], "in", 2), 2);
	child_close(&child, CHILD_INPUT);
	assert_null(child_read_text(&child, CHILD_OUTPUT, deadline_never(), 100, "it", &text, &size));
	assert_string_equal(text, "in");
	free(text);
	assert_null(child_read_text(&child, CHILD_ERRORS, deadline_never(), 100, "it", &text, &size));
	assert_string_equal(text, "err\n");
	free(text);
	assert_int_equal(child_wait(&child).exit_code, 3);
	child_deinit(&child);
	assert_int_equal(count_descriptors(), open_before);
	task.joins_errors = true;
	task.pipes = CHILD_PIPE(CHILD_INPUT) | CHILD_PIPE(CHILD_OUTPUT);
	assert_null(child_start(&task, &child));
	child_close(&child, CHILD_INPUT);
	assert_null(child_read_text(&child, CHILD_OUTPUT, deadline_never(), 100, "it", &text, &size));
	assert_string_equal(text, "err\n");
	free(text);
	child_deinit(&child);
	assert_childless();
}

static void test_no_program(void **state)
{
	struct child_task task = {.arguments = TEXT((char *)"/nowhere/at-all"), .pipes = CHILD_PIPE(CHILD_OUTPUT)};
	unsigned open_before = count_descriptors();
	struct child child = CHILD_NONE;
	struct error *err = child_start(&task, &child);

	(void)state;
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_INVALID);
	assert_string_equal(err->message, "cannot run /nowhere/at-all: there is no such program");
	error_destroy(err);
	task.arguments = TEXT((char *)"/etc/passwd");
	err = child_start(&task, &child);
	assert_non_null(err);
	assert_string_equal(err->message, "cannot run /etc/passwd: Permission denied");
	error_destroy(err);
	assert_int_equal(child.pid, 0);
	assert_int_equal(count_descriptors(), open_before);
	assert_childless();
}

static int refuse(void *context, const int ends[CHILD_STREAMS])
{
	(void)ends;
	setenv("CHILD_TEST", "seen", 1);
	return *(const int *)context;
}

/* Steps before the program: they may prevent it. */
static void test_work_first(void **state)
{
	int code = 0;
	struct child_task task = {.work = refuse,
				  .context = &code,
				  .arguments = TEXT((char *)"sh", (char *)"-c", (char *)"echo $CHILD_TEST; exit 5"),
				  .pipes = CHILD_PIPE(CHILD_OUTPUT)};
	cleanup_child struct child child = CHILD_NONE;
	struct child_status status;
	char words[100];

	(void)state;
	assert_null(child_start(&task, &child));
	assert_true(child_await_words(&child, deadline_never(), words, sizeof(words), &status));
	assert_string_equal(words, "seen\n");
	assert_int_equal(status.exit_code, 5);
	child_deinit(&child);
	code = 9;
	assert_null(child_start(&task, &child));
	assert_true(child_await_words(&child, deadline_never(), words, sizeof(words), &status));
	assert_string_equal(words, "");
	assert_int_equal(status.exit_code, 9);
}

/* ---- grandchildren ---- */

static void test_grandchild_holds_pipe(void **state)
{
	struct child_task task = {
		.arguments = TEXT((char *)"sh", (char *)"-c", (char *)"sleep 600 & echo $!; echo words; exit 4"),
		.pipes = CHILD_PIPE(CHILD_OUTPUT)};
	cleanup_child struct child child = CHILD_NONE;
	struct child_status status;
	char words[100];
	int64_t began_ns = deadline_clock_ns();
	pid_t grandchild;

	(void)state;
	assert_null(child_start(&task, &child));
	assert_true(child_await_words(&child, deadline_in_ms(60000), words, sizeof(words), &status));
	grandchild = atoi(words);
	assert_true(grandchild > 1);
	assert_non_null(strstr(words, "\nwords\n"));
	assert_int_equal(status.exit_code, 4);
	assert_true(deadline_clock_ns() - began_ns < 60000000000);
	/* It was left alone, and is still there. */
	assert_int_equal(kill(grandchild, SIGKILL), 0);
}

/* A session's processes are killed with its first. */
static void test_session(void **state)
{
	struct child_task task = {.arguments = TEXT((char *)"sh", (char *)"-c", (char *)"sleep 600 & echo ready; wait"),
				  .pipes = CHILD_PIPE(CHILD_OUTPUT),
				  .has_session = true};
	cleanup_child struct child child = CHILD_NONE;
	char word[6];

	(void)state;
	assert_null(child_start(&task, &child));
	assert_int_equal(child_read(&child, CHILD_OUTPUT, deadline_never(), word, sizeof(word)), 6);
	assert_int_equal(child_kill(&child).signal, SIGKILL);
	/* Nobody holds the pipe any more. */
	assert_int_equal(child_read(&child, CHILD_OUTPUT, deadline_in_ms(60000), word, 1), 0);
}

static void test_few_words(void **state)
{
	struct child_task task = {.arguments = TEXT((char *)"sh", (char *)"-c",
						    (char *)"i=0; while [ $i -lt 20000 ]; do echo 0123456789; "
							    "i=$((i+1)); done; exit 6"),
				  .pipes = CHILD_PIPE(CHILD_OUTPUT)};
	cleanup_child struct child child = CHILD_NONE;
	struct child_status status;
	char words[16];

	(void)state;
	assert_null(child_start(&task, &child));
	assert_true(child_await_words(&child, deadline_never(), words, sizeof(words), &status));
	assert_string_equal(words, "0123456789\n0123");
	assert_int_equal(status.exit_code, 6);
}

/* ---- surroundings ---- */

static int count_there(void *context, const int ends[CHILD_STREAMS])
{
	(void)ends;
	return fcntl(*(const int *)context, F_GETFD) >= 0 ? (int)count_descriptors() : 0;
}

static void test_closes_others(void **state)
{
	cleanup_fd int kept = open("/dev/null", O_RDONLY | O_CLOEXEC), other = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct child_task task = {.work = count_there,
				  .context = &kept,
				  .pipes = CHILD_PIPE(CHILD_ANSWER),
				  .closes_others = true,
				  .kept = &kept,
				  .kept_count = 1};
	cleanup_child struct child child = CHILD_NONE;

	(void)state;
	assert_true(kept > 2 && other > 2);
	assert_null(child_start(&task, &child));
	/* ".", "..", three streams, the kept one, the answer, and the directory itself. */
	assert_int_equal(child_wait(&child).exit_code, 2 + 3 + 1 + 1 + 1);
	child_deinit(&child);
	task.context = &other;
	assert_null(child_start(&task, &child));
	assert_int_equal(child_wait(&child).exit_code, 0);
}

static int echo_byte(void *context, const int ends[CHILD_STREAMS])
{
	char byte;

	(void)context;
	if (read(STDIN_FILENO, &byte, 1) != 1 || write(STDOUT_FILENO, &byte, 1) != 1)
		return 1;
	return read(ends[CHILD_GATE], &byte, 1) == 0 ? 0 : 2;
}

static bool refuse_close_range(void)
{
	struct sock_filter instructions[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = array_size(instructions), .filter = instructions};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static int start_without_close_range(void *context, const int ends[CHILD_STREAMS])
{
	struct child_task task = {
		.work = count_there, .context = context, .closes_others = true, .kept = context, .kept_count = 1};
	cleanup_child struct child child = CHILD_NONE;

	(void)ends;
	if (!refuse_close_range())
		return 0;
	return child_start(&task, &child) ? 1 : child_wait(&child).exit_code;
}

/* As under Linux before 5.9, and in containers that were made before it. */
static void test_closes_others_one_by_one(void **state)
{
	cleanup_fd int other = open("/dev/null", O_RDONLY | O_CLOEXEC), kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct child_task task = {.work = start_without_close_range, .context = &kept};
	cleanup_child struct child child = CHILD_NONE;

	(void)state;
	assert_true(other > 2 && kept > other);
	assert_null(child_start(&task, &child));
	/* ".", "..", three streams, the kept one, and the directory itself. */
	assert_int_equal(child_wait(&child).exit_code, 2 + 3 + 1 + 1);
}

/* The caller has closed all three: pipes would get their numbers. */
static void test_closed_streams(void **state)
{
	struct child_task task = {.work = echo_byte,
				  .pipes = CHILD_PIPE(CHILD_INPUT) | CHILD_PIPE(CHILD_OUTPUT) | CHILD_PIPE(CHILD_GATE)};
	int saved[3], written = 0, got = 0, code = -1;
	unsigned open_before = count_descriptors();
	struct child child = CHILD_NONE;
	struct error *err;
	char byte = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
		close(i);
	}
	err = child_start(&task, &child);
	if (!err) {
		written = (int)write(child.ends[CHILD_INPUT], "x", 1);
		got = (int)child_read(&child, CHILD_OUTPUT, deadline_never(), &byte, 1);
		child_close(&child, CHILD_GATE);
		code = child_wait(&child).exit_code;
		child_deinit(&child);
	}
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	assert_null(err);
	assert_int_equal(written, 1);
	assert_int_equal(got, 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(code, 0);
	assert_int_equal(count_descriptors(), open_before);
}

static int tell_signals(void *context, const int ends[CHILD_STREAMS])
{
	struct sigaction action;
	sigset_t mask;

	(void)context;
	(void)ends;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigaction(SIGPIPE, NULL, &action);
	return 2 * sigismember(&mask, SIGUSR2) + (action.sa_handler == SIG_IGN);
}

static void test_signals_inherited(void **state)
{
	struct child_task task = {.work = tell_signals};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	struct child child;
	sigset_t block, mask_before;
	int kept = -1, reset = -1;

	(void)state;
	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	sigprocmask(SIG_BLOCK, &block, &mask_before);
	sigaction(SIGPIPE, &ignore, &before);
	if (!child_start(&task, &child))
		kept = child_wait(&child).exit_code;
	task.resets_signals = true;
	if (!child_start(&task, &child))
		reset = child_wait(&child).exit_code;
	sigaction(SIGPIPE, &before, NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
	assert_int_equal(kept, 3);
	assert_int_equal(reset, 0);
}

static volatile sig_atomic_t interruptions;

static void count_interruption(int number)
{
	(void)number;
	interruptions++;
}

static int answer_late(void *context, const int ends[CHILD_STREAMS])
{
	(void)context;
	usleep(300000);
	if (write(ends[CHILD_ANSWER], "late", 4) != 4)
		return 1;
	usleep(300000);
	return 8;
}

/* Signals in between end no wait. */
static void test_interruptions(void **state)
{
	const struct sigaction action = {.sa_handler = count_interruption}; /* without SA_RESTART */
	const struct itimerval often = {{0, 10000}, {0, 10000}}, never = {0};
	struct child_task task = {.work = answer_late, .pipes = CHILD_PIPE(CHILD_ANSWER)};
	cleanup_child struct child child = CHILD_NONE, second = CHILD_NONE;
	struct child_status status = {0};
	struct sigaction before;
	char word[4];
	int got, code;
	bool ended;

	(void)state;
	sigaction(SIGALRM, &action, &before);
	interruptions = 0;
	setitimer(ITIMER_REAL, &often, NULL);
	assert_null(child_start(&task, &child));
	got = child_read_answer(&child, deadline_never(), word, sizeof(word));
	code = child_wait(&child).exit_code;
	assert_null(child_start(&task, &second));
	ended = child_await(&second, deadline_never(), &status);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_true(interruptions > 10);
	assert_int_equal(got, 0);
	assert_memory_equal(word, "late", 4);
	assert_int_equal(code, 8);
	assert_true(ended);
	assert_int_equal(status.exit_code, 8);
}

/* Then the kernel keeps no status. */
static void test_ignored_children(void **state)
{
	int code = 5;
	struct child_task task = {.work = exit_with, .context = &code}, sleeper = {.work = sleep_long};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	struct child_status status = {0}, killed = {0};
	struct child child;
	bool ended = false;

	(void)state;
	sigaction(SIGCHLD, &ignore, &before);
	if (!child_start(&task, &child))
		ended = child_await(&child, deadline_in_ms(60000), &status);
	if (!child_start(&sleeper, &child))
		killed = child_kill(&child);
	sigaction(SIGCHLD, &before, NULL);
	assert_true(ended);
	assert_int_equal(status.exit_code, -1);
	assert_int_equal(status.signal, 0);
	assert_int_equal(killed.exit_code, -1);
	assert_int_equal(child.pid, 0);
}

static int start_grandchild(void *context, const int ends[CHILD_STREAMS])
{
	struct child_task task = {.work = sleep_long, .dies_with_parent = *(const bool *)context};
	struct child child;

	if (child_start(&task, &child))
		return 1;
	return write(ends[CHILD_ANSWER], &child.pid, sizeof(child.pid)) == sizeof(child.pid) ? 0 : 1;
}

/* The grandchild, whose parent just ends, holds the pipe until it dies too. */
static void test_dies_with_parent(void **state)
{
	bool dies = true;
	struct child_task task = {.work = start_grandchild, .context = &dies, .pipes = CHILD_PIPE(CHILD_ANSWER)};
	cleanup_child struct child child = CHILD_NONE;
	pid_t grandchild;
	char byte;

	(void)state;
	assert_null(child_start(&task, &child));
	assert_int_equal(child_read_answer(&child, deadline_never(), &grandchild, sizeof(grandchild)), 0);
	assert_int_equal(child_wait(&child).exit_code, 0);
	assert_int_equal(child_read(&child, CHILD_ANSWER, deadline_in_ms(60000), &byte, 1), 0);
	child_deinit(&child);
	dies = false;
	assert_null(child_start(&task, &child));
	assert_int_equal(child_read_answer(&child, deadline_never(), &grandchild, sizeof(grandchild)), 0);
	assert_int_equal(child_wait(&child).exit_code, 0);
	assert_int_equal(child_read(&child, CHILD_ANSWER, deadline_in_ms(100), &byte, 1), -1);
	assert_int_equal(kill(grandchild, SIGKILL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_work_first),
		cmocka_unit_test(test_grandchild_holds_pipe),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_few_words),
		cmocka_unit_test(test_closes_others),
		cmocka_unit_test(test_closes_others_one_by_one),
		cmocka_unit_test(test_closed_streams),
		cmocka_unit_test(test_signals_inherited),
		cmocka_unit_test(test_interruptions),
		cmocka_unit_test(test_ignored_children),
		cmocka_unit_test(test_dies_with_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
