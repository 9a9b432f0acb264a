/* SPDX-License-Identifier: MIT */
#include "common/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/vector.h"

/* How often a child is looked at where there is no descriptor for it. */
#define LOOK_MS 10

struct ends {
	int parent[CHILD_STREAMS], child[CHILD_STREAMS];
};

static void close_ends(int ends[CHILD_STREAMS])
{
	for (int i = 0; i < CHILD_STREAMS; i++) {
		cleanup_close_fd(&ends[i]);
		ends[i] = -1;
	}
}

/* ---- starting ---- */

/* Not one of the three numbers that are given away in the child: the caller may have closed them. */
static int move_up(int fd)
{
	int moved, number;

	if (fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	number = errno;
	close(fd);
	errno = number;
	return moved;
}

static struct error *make_pipe(enum child_stream stream, struct ends *ends)
{
	bool parent_writes = stream == CHILD_INPUT || stream == CHILD_GATE;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_errno(errno, "cannot make a pipe");
	ends->parent[stream] = move_up(fds[parent_writes]);
	ends->child[stream] = move_up(fds[!parent_writes]);
	if (ends->parent[stream] < 0 || ends->child[stream] < 0)
		return error_errno(errno, "cannot make a pipe");
	return NULL;
}

static int fd_compare(const void *left, const void *right)
{
	int a = *(const int *)left, b = *(const int *)right;

	return a < b ? -1 : a > b;
}

/* One by one where the kernel has no close_range(2), or a container's filter of calls does not know it. */
static void close_from_to(unsigned first, unsigned last)
{
	long most = sysconf(_SC_OPEN_MAX);

	if (close_range(first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && (long)fd < (most < 0 ? 1 << 20 : most); fd++)
		close((int)fd);
}

/* The ranges between those that stay. */
static bool close_others(const struct child_task *task, const int ends[CHILD_STREAMS])
{
	cleanup_free int *kept = malloc((task->kept_count + CHILD_STREAMS) * sizeof(*kept));
	unsigned next = STDERR_FILENO + 1;

	if (!kept)
		return false;
	if (task->kept_count)
		memcpy(kept, task->kept, task->kept_count * sizeof(*kept));
	memcpy(kept + task->kept_count, ends, CHILD_STREAMS * sizeof(*kept));
	qsort(kept, task->kept_count + CHILD_STREAMS, sizeof(*kept), fd_compare);
	for (size_t i = 0; i < task->kept_count + CHILD_STREAMS; i++) {
		if (kept[i] < (int)next)
			continue;
		if ((unsigned)kept[i] > next)
			close_from_to(next, (unsigned)kept[i] - 1);
		next = (unsigned)kept[i] + 1;
	}
	close_from_to(next, ~0u);
	return true;
}

static bool arrange_streams(const struct child_task *task, struct ends *ends)
{
	close_ends(ends->parent);
	for (int i = CHILD_INPUT; i <= CHILD_ERRORS; i++) {
		if (ends->child[i] < 0)
			continue;
		if (dup2(ends->child[i], i) < 0)
			return false;
		close(ends->child[i]);
		ends->child[i] = i;
	}
	return (!task->joins_errors || dup2(STDOUT_FILENO, STDERR_FILENO) >= 0) &&
	       (!task->closes_others || close_others(task, ends->child));
}

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static _Noreturn void child_main(const struct child_task *task, struct ends *ends, pid_t parent)
{
	int code;

	if (task->dies_with_parent && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
		_exit(127);
	if (!arrange_streams(task, ends))
		_exit(127);
	if (task->resets_signals)
		reset_signals();
	if (task->has_session)
		setsid();
	code = task->work ? task->work(task->context, ends->child) : 0;
	if (code || !task->arguments)
		_exit(code);
	execvp(task->arguments[0], task->arguments);
	code = errno;
	_exit(write(ends->child[CHILD_ANSWER], &code, sizeof(code)) == sizeof(code) ? 127 : 126);
}

/* execve(2) closes the answer. No status tells as much, since all of them may be the program's. */
static struct error *await_program(const struct child_task *task, struct child *child)
{
	int number;

	if (child_read_answer(child, deadline_never(), &number, sizeof(number)) != 0) {
		child_close(child, CHILD_ANSWER);
		return NULL;
	}
	child_wait(child);
	return error_format(ERROR_INVALID, "cannot run %s: %s", task->arguments[0],
			    number == ENOENT ? "there is no such program" : strerror(number));
}

struct error *child_start(const struct child_task *task, struct child *ret_child)
{
	unsigned pipes = task->pipes | (task->arguments ? CHILD_PIPE(CHILD_ANSWER) : 0);
	struct ends ends = {.parent = {-1, -1, -1, -1, -1}, .child = {-1, -1, -1, -1, -1}};
	struct child child = {.has_session = task->has_session};
	pid_t parent = getpid();
	struct error *err = NULL;

	for (int i = 0; i < CHILD_STREAMS && !err; i++)
		err = pipes & CHILD_PIPE(i) ? make_pipe(i, &ends) : NULL;
	fflush(NULL);
	child.pid = err ? -1 : fork();
	if (child.pid == 0)
		child_main(task, &ends, parent);
	if (child.pid < 0 && !err)
		err = error_errno(errno, "cannot start a child process");
	close_ends(ends.child);
	memcpy(child.ends, ends.parent, sizeof(child.ends));
	if (!err && task->arguments)
		err = await_program(task, &child);
	if (err)
		close_ends(child.ends);
	else
		*ret_child = child;
	return err;
}

/* ---- reading ---- */

ssize_t child_read(const struct child *child, enum child_stream stream, struct deadline deadline, void *ret_bytes,
		   size_t size)
{
	struct pollfd wanted = {.fd = child->ends[stream], .events = POLLIN};

	while (!deadline_is_over(deadline)) {
		int ready = poll(&wanted, 1, deadline_left_ms(deadline, INT_MAX));
		ssize_t got = ready > 0 ? read(wanted.fd, ret_bytes, size) : ready;

		if (got > 0 || (got == 0 && ready > 0))
			return got;
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
	}
	errno = ETIMEDOUT;
	return -1;
}

int child_read_answer(const struct child *child, struct deadline deadline, void *ret_bytes, size_t size)
{
	for (size_t used = 0; used < size;) {
		ssize_t got = child_read(child, CHILD_ANSWER, deadline, (char *)ret_bytes + used, size - used);

		if (got < 0)
			return errno;
		if (got == 0)
			return ENODATA;
		used += (size_t)got;
	}
	return 0;
}

struct error *child_read_text(const struct child *child, enum child_stream stream, struct deadline deadline,
			      size_t most, const char *what, char **ret_text, size_t *ret_size)
{
	cleanup_free char *text = NULL;
	size_t size = 0, capacity = 0;
	ssize_t got;

	do {
		struct error *err = array_reserve(text, capacity, size + 65536);

		if (err)
			return err;
		got = child_read(child, stream, deadline, text + size, capacity - size - 1);
		if (got < 0)
			return error_errno(errno, "cannot read %s", what);
		size += (size_t)got;
		if (size > most) {
			err = error_format(ERROR_INVALID, "%s is impossibly long", what);
			if (!err->is_static)
				err->system_errno = EMSGSIZE;
			return err;
		}
	} while (got > 0);
	text[size] = 0;
	*ret_text = take_pointer(text);
	*ret_size = size;
	return NULL;
}

void child_close(struct child *child, enum child_stream stream)
{
	cleanup_close_fd(&child->ends[stream]);
	child->ends[stream] = -1;
}

/* ---- the end ---- */

/* False when it is still there, which only WNOHANG finds. */
static bool reap(struct child *child, int flags, struct child_status *ret_status)
{
	struct child_status status = {.exit_code = -1};
	pid_t reaped = -1;
	int word = 0;

	while (child->pid > 0 && (reaped = waitpid(child->pid, &word, flags)) < 0 && errno == EINTR)
		;
	if (reaped == 0)
		return false;
	if (reaped > 0 && WIFEXITED(word))
		status.exit_code = WEXITSTATUS(word);
	else if (reaped > 0)
		status.signal = WTERMSIG(word);
	/* Its number may be another's from now on. */
	child->pid = 0;
	*ret_status = status;
	return true;
}

struct child_status child_wait(struct child *child)
{
	struct child_status status;

	reap(child, 0, &status);
	return status;
}

void child_wait_or_signal(struct child *child)
{
	waitpid(child->pid, NULL, 0);
	child->pid = 0;
}

bool child_has_ended(struct child *child, struct child_status *ret_status)
{
	return reap(child, WNOHANG, ret_status);
}

struct child_status child_kill(struct child *child)
{
	if (child->pid > 0 && child->has_session)
		kill(-child->pid, SIGKILL);
	if (child->pid > 0)
		kill(child->pid, SIGKILL); /* also before it has made a session */
	return child_wait(child);
}

/* Reads what there is now. False at the end of the pipe. */
static bool take_words(int fd, char *words, size_t room, size_t *used)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	char rest[4096];

	while (poll(&wanted, 1, 0) > 0) {
		ssize_t got = room > *used ? read(fd, words + *used, room - *used) : read(fd, rest, sizeof(rest));

		if (got <= 0)
			return false;
		*used += room > *used ? (size_t)got : 0;
		/* Enough for now: one that never stops writing must not hold us. */
		if (room == *used)
			break;
	}
	return true;
}

bool child_await_words(struct child *child, struct deadline deadline, char *ret_words, size_t size,
		       struct child_status *ret_status)
{
	cleanup_fd int process = child->pid > 0 ? (int)syscall(SYS_pidfd_open, child->pid, 0) : -1;
	struct pollfd wanted[] = {{.fd = process, .events = POLLIN},
				  {.fd = size ? child->ends[CHILD_OUTPUT] : -1, .events = POLLIN}};
	size_t used = 0;
	bool ended;

	while (!(ended = reap(child, WNOHANG, ret_status)) && !deadline_is_over(deadline)) {
		poll(wanted, 2, deadline_left_ms(deadline, wanted[0].fd < 0 ? LOOK_MS : INT_MAX));
		/* Over, but not for us yet (a tracer has it), or no descriptor that can be waited for. */
		if (wanted[0].revents)
			wanted[0].fd = -1;
		if (wanted[1].revents && !take_words(wanted[1].fd, ret_words, size - 1, &used))
			wanted[1].fd = -1;
		wanted[0].revents = wanted[1].revents = 0;
	}
	if (wanted[1].fd >= 0)
		take_words(wanted[1].fd, ret_words, size - 1, &used);
	if (size)
		ret_words[used] = 0;
	return ended;
}

bool child_await(struct child *child, struct deadline deadline, struct child_status *ret_status)
{
	return child_await_words(child, deadline, NULL, 0, ret_status);
}

void child_abandon(struct child *child)
{
	child->pid = 0;
	close_ends(child->ends);
}

void child_deinit(struct child *child)
{
	close_ends(child->ends);
	child_kill(child);
}
