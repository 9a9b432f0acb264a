/* SPDX-License-Identifier: MIT */
/* The core's way from the kernel's pipe to core.zst, through a process that can do nothing else. */
#include <errno.h>
#include <fcntl.h>
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

/* A disk that hangs must not hold a dying process for ever. */
#define DRAIN_SECONDS 300

/* What the child tells through its pipe. Both are the same program, so the layout is. */
struct outcome {
	struct vault_packed packed;
	bool failed;
	char message[256];
};

enum { DESCRIPTOR_CORE = 3, DESCRIPTOR_OUTCOME = 4 };

static bool arrange_descriptors(int core, int outcome)
{
	int high_core = fcntl(core, F_DUPFD, 16), high_outcome = fcntl(outcome, F_DUPFD, 16);

	return high_core >= 0 && high_outcome >= 0 && dup2(high_core, DESCRIPTOR_CORE) >= 0 &&
	       dup2(high_outcome, DESCRIPTOR_OUTCOME) >= 0 && close_range(DESCRIPTOR_OUTCOME + 1, ~0u, 0) == 0;
}

static void __attribute__((noreturn))
drain(bool foreign, const struct vault_pack_limits *limits, int core, int outcome_fd)
{
	struct outcome outcome = {0};
	struct plain_user user;
	struct error *err;

	plain_user_find(&user);
	prctl(PR_SET_NAME, "corelate-drain", 0, 0, 0);
	if (!arrange_descriptors(core, outcome_fd))
		_exit(1);
	err = privilege_drop(&user);
	if (!err && !privilege_only_streams())
		err = error_format(ERROR_SYSTEM, "the kernel refuses to confine the process that reads the core");
	if (!err)
		err = vault_pack(STDIN_FILENO, DESCRIPTOR_CORE, foreign, limits, &outcome.packed);
	/* Before anything else: the dying process waits for it. */
	close(STDIN_FILENO);
	outcome.failed = err != NULL;
	if (err)
		strncpy(outcome.message, err->message, sizeof(outcome.message) - 1);
	_exit(write(DESCRIPTOR_OUTCOME, &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1);
}

/* Not the date, which is set when the machine has just started. */
static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* False when the child ended, or time did, before it had spoken. */
static bool await_outcome(int fd, struct outcome *ret)
{
	time_t end = seconds_now() + DRAIN_SECONDS;
	struct pollfd wanted = {.fd = fd, .events = POLLIN};

	while (seconds_now() <= end) {
		int ready = poll(&wanted, 1, 1000);

		if (ready > 0)
			return read(fd, ret, sizeof(*ret)) == sizeof(*ret);
		if (ready < 0 && errno != EINTR)
			return false;
	}
	return false;
}

static void release_input(void)
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
			    struct vault_packed *ret)
{
	struct outcome outcome = {0};
	int core, ends[2];
	struct error *err = vault_draft_core(draft, &core);
	bool spoken;
	pid_t child;

	if (!err && pipe2(ends, O_CLOEXEC) != 0)
		err = error_errno(errno, "cannot make a pipe");
	if (err) {
		release_input();
		return err;
	}
	child = fork();
	if (child == 0)
		drain(foreign, limits, core, ends[1]);
	release_input();
	close(ends[1]);
	spoken = child > 0 && await_outcome(ends[0], &outcome);
	close(ends[0]);
	if (child < 0)
		return error_errno(errno, "cannot start a process that reads the core");
	if (!spoken)
		kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (!spoken)
		return error_format(ERROR_SYSTEM, "the process that reads the core failed, or took over %d s",
				    DRAIN_SECONDS);
	outcome.message[sizeof(outcome.message) - 1] = 0;
	/* Its words are no more to be trusted than the core. */
	if (outcome.packed.end > VAULT_PACK_NO_ROOM)
		return error_format(ERROR_SYSTEM, "the process that reads the core makes no sense");
	if (outcome.failed)
		return error_format(ERROR_SYSTEM, "%s", outcome.message);
	*ret = outcome.packed;
	return NULL;
}
