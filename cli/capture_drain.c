/* SPDX-License-Identifier: MIT */
/* The core's way from the kernel's pipe to core.zst, through a process that can do nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/privilege.h"
#include "common/child.h"

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

static volatile sig_atomic_t stopped;

static void note_stop(int number)
{
	stopped = number;
}

struct draining {
	bool foreign;
	const struct vault_pack_limits *limits;
	int core;
};

static int drain(void *context, const int ends[CHILD_STREAMS])
{
	/* Without SA_RESTART: it must not wait for more of the core. */
	const struct sigaction action = {.sa_handler = note_stop};
	const struct draining *draining = context;
	struct vault_pack_limits stoppable = *draining->limits;
	struct outcome outcome = {0};
	struct plain_user user;
	struct error *err;

	stoppable.stop = &stopped;
	sigaction(SIGTERM, &action, NULL);
	plain_user_find(&user);
	prctl(PR_SET_NAME, "corelate-drain", 0, 0, 0);
	err = privilege_drop(&user);
	if (!err && !privilege_only_streams())
		err = error_format(ERROR_SYSTEM, "the kernel refuses to confine the process that reads the core");
	if (!err)
		err = vault_pack(STDIN_FILENO, draining->core, draining->foreign, &stoppable, &outcome.packed);
	/* Before anything else: the dying process waits for it. */
	close(STDIN_FILENO);
	outcome.failed = err != NULL;
	if (err)
		strncpy(outcome.message, err->message, sizeof(outcome.message) - 1);
	return write(ends[CHILD_ANSWER], &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1;
}

/* False when the child ended, or the grace did, before it had spoken. */
static bool await_outcome(const struct child *child, uint64_t timeout_s, struct outcome *ret)
{
	const struct deadline polite = timeout_s ? deadline_in_ms(timeout_s * 1000) : deadline_never();
	int failed = child_read_answer(child, polite, ret, sizeof(*ret));
	struct deadline last = deadline_in_ms(GRACE_SECONDS * 1000);

	while (failed == ETIMEDOUT && !deadline_is_over(last)) {
		/* Once is not enough: it may come just before the call that then waits. */
		kill(child->pid, SIGTERM);
		failed = child_read_answer(child, deadline_in_ms(100), ret, sizeof(*ret));
	}
	return !failed;
}

static struct error *tell_silence(bool timed_out, bool ended, struct child_status status, uint64_t timeout_s)
{
	if (timed_out)
		return error_format(ERROR_SYSTEM, "reading it took over %" PRIu64 " s, and the process that did so %s",
				    timeout_s, ended ? "did not stop" : "cannot be ended");
	if (ended && status.signal)
		return error_format(ERROR_SYSTEM, "the process that reads it was killed by signal %d", status.signal);
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
	struct draining draining = {.foreign = foreign, .limits = limits};
	const struct child_task task = {.work = drain,
					.context = &draining,
					.pipes = CHILD_PIPE(CHILD_ANSWER),
					.closes_others = true,
					.kept = &draining.core,
					.kept_count = 1};
	cleanup_child struct child child = CHILD_NONE;
	struct error *err = vault_draft_core(draft, &draining.core);
	struct child_status status = {0};
	struct outcome outcome = {0};
	bool spoken, ended, timed_out;

	if (!err)
		err = child_start(&task, &child);
	capture_release();
	if (err)
		return err;
	spoken = await_outcome(&child, timeout_s, &outcome);
	timed_out = timeout_s && deadline_clock_ns() - began_ns >= (int64_t)timeout_s * 1000000000;
	if (!spoken)
		kill(child.pid, SIGKILL);
	ended = child_await(&child, deadline_in_ms(LEAVE_SECONDS * 1000), &status);
	if (!ended)
		child_abandon(&child);
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
