/* SPDX-License-Identifier: MIT */
#include "analyzer/unwind/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/array.h"
#include "common/child.h"
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
	if (null_fd > STDERR_FILENO)
		close(null_fd);
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

static bool confine(const struct sandbox_task *task, int output_fd)
{
	struct rlimit no_core = {0, 0};
	unsigned timeout_ms = timeout_of(task);
	struct rlimit cpu = {timeout_ms / 1000 + 1, timeout_ms / 1000 + 2};

	/* A core_pattern that is a pipe does not heed RLIMIT_CORE, but it does heed this (core(5)); and a crash of the
	 * child must not become a crash to be explained. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return false;
	setrlimit(RLIMIT_CORE, &no_core);
	setrlimit(RLIMIT_CPU, &cpu);
	limit_memory(task);
	silence();
	return confine_calls(output_fd);
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

static int run_confined(void *context, const int ends[CHILD_STREAMS])
{
	const struct sandbox_task *task = context;

	reset_signals();
	if (!confine(task, ends[CHILD_ANSWER]))
		return STATUS_NOT_CONFINED;
	return task->work(task->context, ends[CHILD_ANSWER]) ? 0 : STATUS_WORK_FAILED;
}

/* Hands all that comes to the receiver. Returns NULL at the end of it, or why it was left. */
static const char *receive_all(const struct sandbox_task *task, const struct child *child)
{
	const struct deadline deadline = deadline_in_ms(timeout_of(task));
	uint8_t buffer[65536];
	ssize_t count;

	while ((count = child_read(child, CHILD_ANSWER, deadline, buffer, sizeof(buffer))) > 0) {
		if (!task->receive(task->context, buffer, (size_t)count))
			return "its answer makes no sense";
	}
	if (count == 0)
		return NULL;
	return errno == ETIMEDOUT ? "it took too long" : "its answer could not be read";
}

/* The sentence for a child that ended with `status`, NULL for one that did well. Where the caller ignores SIGCHLD there
 * is no status; the receiver knows whether the answer was whole. */
static const char *describe_status(struct child_status status, char text[128])
{
	if (status.signal == SIGXCPU)
		return "it took too long";
	if (status.signal) {
		snprintf(text, 128, "it was ended by signal %d (%s)", status.signal, strsignal(status.signal));
		return text;
	}
	if (status.exit_code == STATUS_NO_MEMORY)
		return limits_child_failure();
	if (status.exit_code == STATUS_NOT_CONFINED)
		return "the child process could not be confined by seccomp";
	return status.exit_code > 0 ? "it failed" : NULL;
}

struct error *sandbox_run(const struct sandbox_task *task, char **ret_failure)
{
	/* Whatever else the caller has open (a database, a terminal) is none of the child's business. */
	const struct child_task child_task = {.work = run_confined,
					      .context = (void *)task,
					      .pipes = CHILD_PIPE(CHILD_ANSWER),
					      .dies_with_parent = true,
					      .closes_others = true,
					      .kept = task->descriptors,
					      .kept_count = task->descriptor_count};
	cleanup_child struct child child = CHILD_NONE;
	struct child_status status;
	struct error *err;
	const char *reason;
	char text[128];

	*ret_failure = NULL;
	err = child_start(&child_task, &child);
	if (err)
		return err;
	limits_watch_child(&child);
	reason = receive_all(task, &child);
	/* Before it is waited for: its number may be another's afterwards. */
	limits_watch_child(NULL);
	/* A child that closes its pipe and stays would be waited for without end. One that has begun to exit, which is
	 * what usually ends the pipe, keeps the status it has (Linux kernel/exit.c: do_exit() closes files late). */
	status = child_kill(&child);
	if (!reason)
		reason = describe_status(status, text);
	if (!reason)
		return NULL;
	*ret_failure = strdup(reason);
	return *ret_failure ? NULL : &error_no_memory;
}
