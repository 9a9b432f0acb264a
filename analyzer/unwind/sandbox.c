/* SPDX-License-Identifier: MIT */
#include "analyzer/unwind/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/limits.h"

#define UNDER_SANITIZER LIMITS_UNDER_SANITIZER

/* The child's exit status when it could not be locked in, and when it had no memory left; any other failure is the
 * work's own. */
#define STATUS_NO_MEMORY 4
#define STATUS_NOT_CONFINED 3
#define STATUS_WORK_FAILED 1

/* Calls that allocate, read what is already open, and end. Those with arguments that matter are in confine(). */
static const int plain_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sysinfo),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
#if UNDER_SANITIZER
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(prctl),
#endif
};

static bool allow_plain_calls(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < array_size(plain_calls); i++) {
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i], 0) < 0)
			return false;
	}
	return true;
}

/* Memory may be mapped, but not shared with a file and not executable; writing is for the pipe; signals are for the
 * child itself (abort(3) raises one). */
static bool allow_bounded_calls(scmp_filter_ctx filter, int output_fd)
{
#if !UNDER_SANITIZER
	if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
			     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)output_fd, 0)) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
			     SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE, MAP_PRIVATE)) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) <
		    0)
		return false;
#else
	(void)output_fd;
#endif
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFD, 0)) >= 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0)) >= 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)) >= 0;
}

static bool confine_calls(int output_fd)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool confined;

	if (!filter)
		return false;
	confined = allow_plain_calls(filter) && allow_bounded_calls(filter, output_fd) && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return confined;
}

static int fd_compare(const void *left, const void *right)
{
	int a = *(const int *)left, b = *(const int *)right;

	return a < b ? -1 : a > b;
}

/* Whatever else the caller has open (a database, a terminal) is none of the child's business. */
static bool close_others(const struct sandbox_task *task, int output_fd)
{
	int *kept = malloc((task->descriptor_count + 1) * sizeof(*kept));
	unsigned next = 3;

	if (!kept)
		return false;
	for (size_t i = 0; i < task->descriptor_count; i++)
		kept[i] = task->descriptors[i];
	kept[task->descriptor_count] = output_fd;
	qsort(kept, task->descriptor_count + 1, sizeof(*kept), fd_compare);
	for (size_t i = 0; i <= task->descriptor_count; i++) {
		if (kept[i] < (int)next)
			continue;
		if ((unsigned)kept[i] > next)
			close_range(next, (unsigned)kept[i] - 1, 0);
		next = (unsigned)kept[i] + 1;
	}
	close_range(next, ~0u, 0);
	free(kept);
	return true;
}

static void silence(void)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* A sanitizer's report must be seen. */
	int last = UNDER_SANITIZER ? STDOUT_FILENO : STDERR_FILENO;

	for (int fd = STDIN_FILENO; fd <= last; fd++) {
		if (null_fd < 0)
			close(fd);
		else if (null_fd != fd)
			dup2(null_fd, fd);
	}
}

/* libdw maps files privately and for writing, so they count. What they take on the disk is meant: a hole takes none. */
static void limit_memory(const struct sandbox_task *task)
{
	uint64_t bytes = 0;
	struct stat status;

	for (size_t i = 0; i < task->descriptor_count; i++) {
		if (fstat(task->descriptors[i], &status) == 0)
			bytes += (uint64_t)status.st_blocks * 512;
	}
	limits_confine_child(bytes, STATUS_NO_MEMORY);
}

static unsigned timeout_of(const struct sandbox_task *task)
{
	return limits_left_ms(task->timeout_ms ? task->timeout_ms : limits_child_ms());
}

static bool confine(const struct sandbox_task *task, int output_fd, pid_t parent)
{
	struct rlimit no_core = {0, 0};
	unsigned timeout_ms = timeout_of(task);
	struct rlimit cpu = {timeout_ms / 1000 + 1, timeout_ms / 1000 + 2};

	/* The parent may have died before the first call. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return false;
	/* A core_pattern that is a pipe does not heed RLIMIT_CORE, but it does heed this (core(5)); and a crash of the
	 * child must not become a crash to be explained. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return false;
	setrlimit(RLIMIT_CORE, &no_core);
	setrlimit(RLIMIT_CPU, &cpu);
	limit_memory(task);
	silence();
	return close_others(task, output_fd) && confine_calls(output_fd);
}

/* A fork inherits handlers and the mask; the caller's handlers have nothing to do here. */
static void reset_signals(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM, SIGINT, SIGPIPE, SIGXCPU};
	sigset_t none;

	sigemptyset(&none);
	if (!UNDER_SANITIZER) {
		for (size_t i = 0; i < array_size(fatal); i++)
			signal(fatal[i], SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn)) child_main(const struct sandbox_task *task, int output_fd, pid_t parent)
{
	reset_signals();
	if (!confine(task, output_fd, parent))
		_exit(STATUS_NOT_CONFINED);
	_exit(task->work(task->context, output_fd) ? 0 : STATUS_WORK_FAILED);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Hands all that comes to the receiver. Returns NULL at the end of it, or why it was left. */
static const char *receive_all(const struct sandbox_task *task, int input_fd)
{
	int64_t deadline = now_ms() + timeout_of(task);
	static const char too_long[] = "it took too long";
	uint8_t buffer[65536];

	for (;;) {
		struct pollfd wait = {.fd = input_fd, .events = POLLIN};
		int64_t left = deadline - now_ms();
		ssize_t count;
		int ready;

		if (left <= 0)
			return too_long;
		ready = poll(&wait, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (ready == 0)
			return too_long;
		count = ready < 0 ? -1 : read(input_fd, buffer, sizeof(buffer));
		if (count < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return "its answer could not be read";
		}
		if (count == 0)
			return NULL;
		if (!task->receive(task->context, buffer, (size_t)count))
			return "its answer makes no sense";
	}
}

/* The sentence for a child that ended with `status`, or -1 when the allocation fails. */
static int describe_status(int status, char **ret_failure)
{
	*ret_failure = NULL;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return asprintf(ret_failure, "it took too long");
	if (WIFSIGNALED(status))
		return asprintf(ret_failure, "it was ended by signal %d (%s)", WTERMSIG(status),
				strsignal(WTERMSIG(status)));
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NO_MEMORY)
		return asprintf(ret_failure, "%s", limits_child_failure());
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_CONFINED)
		return asprintf(ret_failure, "the child process could not be confined by seccomp");
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return asprintf(ret_failure, "it failed");
	return 0;
}

static struct error *reap(pid_t child, const char *reason, char **ret_failure)
{
	int status = 0;
	pid_t reaped;

	/* A child that closes its pipe and stays would be waited for without end. One that has begun to exit, which is
	 * what usually ends the pipe, keeps the status it has (Linux kernel/exit.c: do_exit() closes files late). */
	kill(child, SIGKILL);
	do {
		reaped = waitpid(child, &status, 0);
	} while (reaped < 0 && errno == EINTR);
	if (reason)
		return (*ret_failure = strdup(reason)) ? NULL : &error_no_memory;
	/* Where the caller ignores SIGCHLD there is no status; the receiver knows whether the answer was whole. */
	if (reaped < 0)
		return NULL;
	if (describe_status(status, ret_failure) < 0) {
		*ret_failure = NULL;
		return &error_no_memory;
	}
	return NULL;
}

struct error *sandbox_run(const struct sandbox_task *task, char **ret_failure)
{
	pid_t parent = getpid(), child;
	cleanup_fd int input_fd = -1;
	int pipe_fds[2];
	const char *reason;

	*ret_failure = NULL;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_errno(errno, "cannot make a pipe");
	input_fd = pipe_fds[0];
	child = fork();
	if (child < 0) {
		int number = errno;

		close(pipe_fds[1]);
		return error_errno(number, "cannot start a child process");
	}
	if (child == 0)
		child_main(task, pipe_fds[1], parent);
	close(pipe_fds[1]);
	limits_watch_child(child);
	reason = receive_all(task, input_fd);
	/* Before it is waited for: its number may be another's afterwards. */
	limits_watch_child(0);
	return reap(child, reason, ret_failure);
}
