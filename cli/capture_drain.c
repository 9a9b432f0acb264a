/* SPDX-License-Identifier: MIT */
/* The core's way from the kernel's pipe to core.zst, through a process that can do nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/privilege.h"
#include "common/cleanup.h"
#include "common/deadline.h"

/* A disk that hangs must not hold a dying process for ever: the child is asked to end, again and again, and ended after
 * this. What cannot be ended, because the kernel waits for that disk, is left alone. */
#define GRACE_SECONDS 10
#define LEAVE_SECONDS 5

/* What the child tells through its pipe. Both are the same program, so the layout is. */
struct outcome {
	struct vault_packed packed;
	bool failed;
	char message[256];
};

enum { DESCRIPTOR_CORE = 3, DESCRIPTOR_OUTCOME = 4 };

static volatile sig_atomic_t stopped;

static void note_stop(int number)
{
	stopped = number;
}

static bool arrange_descriptors(int core, int outcome)
{
	int high_core = fcntl(core, F_DUPFD, 16), high_outcome = fcntl(outcome, F_DUPFD, 16);

	return high_core >= 0 && high_outcome >= 0 && dup2(high_core, DESCRIPTOR_CORE) >= 0 &&
	       dup2(high_outcome, DESCRIPTOR_OUTCOME) >= 0 && close_range(DESCRIPTOR_OUTCOME + 1, ~0u, 0) == 0;
}

static void __attribute__((noreturn))
drain(bool foreign, const struct vault_pack_limits *limits, int core, int outcome_fd)
{
	/* Without SA_RESTART: it must not wait for more of the core. */
	const struct sigaction action = {.sa_handler = note_stop};
	struct vault_pack_limits stoppable = *limits;
	struct outcome outcome = {0};
	struct plain_user user;
	struct error *err;

	stoppable.stop = &stopped;
	sigaction(SIGTERM, &action, NULL);
	plain_user_find(&user);
	prctl(PR_SET_NAME, "corelate-drain", 0, 0, 0);
	if (!arrange_descriptors(core, outcome_fd))
		_exit(1);
	err = privilege_drop(&user);
	if (!err && !privilege_only_streams())
		err = error_format(ERROR_SYSTEM, "the kernel refuses to confine the process that reads the core");
	if (!err)
		err = vault_pack(STDIN_FILENO, DESCRIPTOR_CORE, foreign, &stoppable, &outcome.packed);
	/* Before anything else: the dying process waits for it. */
	close(STDIN_FILENO);
	outcome.failed = err != NULL;
	if (err)
		strncpy(outcome.message, err->message, sizeof(outcome.message) - 1);
	_exit(write(DESCRIPTOR_OUTCOME, &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1);
}

/* False when the child ended, or the grace did, before it had spoken. */
static bool await_outcome(pid_t child, int fd, uint64_t timeout_s, struct outcome *ret)
{
	const struct deadline polite = deadline_in_ms(timeout_s ? timeout_s * 1000 : UINT64_MAX);
	struct deadline last = deadline_in_ms(UINT64_MAX);
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	bool asked = false;

	while (!deadline_is_over(last)) {
		int ready = poll(&wanted, 1, asked ? 100 : deadline_left_ms(polite, 1000));

		if (ready > 0)
			return read(fd, ret, sizeof(*ret)) == sizeof(*ret);
		if (ready < 0 && errno != EINTR)
			return false;
		if (!deadline_is_over(polite))
			continue;
		if (!asked)
			last = deadline_in_ms(GRACE_SECONDS * 1000);
		asked = true;
		/* Once is not enough: it may come just before the call that then waits. */
		kill(child, SIGTERM);
	}
	return false;
}

/* False when it is still there. */
static bool await_end(pid_t child, int *ret_status)
{
	const struct deadline end = deadline_in_ms(LEAVE_SECONDS * 1000);

	while (!deadline_is_over(end)) {
		if (waitpid(child, ret_status, WNOHANG) != 0)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	return false;
}

static struct error *tell_silence(bool timed_out, bool ended, int status, uint64_t timeout_s)
{
	if (timed_out)
		return error_format(ERROR_SYSTEM, "reading it took over %" PRIu64 " s, and the process that did so %s",
				    timeout_s, ended ? "did not stop" : "cannot be ended");
	if (ended && WIFSIGNALED(status))
		return error_format(ERROR_SYSTEM, "the process that reads it was killed by signal %d",
				    WTERMSIG(status));
	return error_format(ERROR_SYSTEM, "the process that reads it failed");
}

void capture_release(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null > 0) {
		dup2(null, STDIN_FILENO);
		close(null);
	} else {
		close(STDIN_FILENO);
	}
}

struct error *capture_drain(struct vault_draft *draft, bool foreign, const struct vault_pack_limits *limits,
			    uint64_t timeout_s, struct vault_packed *ret)
{
	const int64_t began_ns = deadline_clock_ns();
	struct outcome outcome = {0};
	int core, ends[2], status = 0;
	struct error *err = vault_draft_core(draft, &core);
	bool spoken, ended, timed_out;
	pid_t child;

	if (!err && pipe2(ends, O_CLOEXEC) != 0)
		err = error_errno(errno, "cannot make a pipe");
	if (err) {
		capture_release();
		return err;
	}
	child = fork();
	if (child == 0)
		drain(foreign, limits, core, ends[1]);
	capture_release();
	close(ends[1]);
	spoken = child > 0 && await_outcome(child, ends[0], timeout_s, &outcome);
	timed_out = timeout_s && deadline_clock_ns() - began_ns >= (int64_t)timeout_s * 1000000000;
	close(ends[0]);
	if (child < 0)
		return error_errno(errno, "cannot start a process that reads the core");
	if (!spoken)
		kill(child, SIGKILL);
	ended = await_end(child, &status);
	if (!spoken)
		return tell_silence(timed_out, ended, status, timeout_s);
	outcome.message[sizeof(outcome.message) - 1] = 0;
	outcome.packed.reason[sizeof(outcome.packed.reason) - 1] = 0;
	/* Its words are no more to be trusted than the core. */
	if (outcome.packed.end > VAULT_PACK_FAILED)
		return error_format(ERROR_SYSTEM, "the process that reads it makes no sense");
	if (outcome.failed)
		return error_format(ERROR_SYSTEM, "%s", outcome.message);
	*ret = outcome.packed;
	return NULL;
}
