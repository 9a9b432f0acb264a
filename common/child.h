/* SPDX-License-Identifier: MIT */
/*
 * A child process: started with the pipes that are asked for, read from by a deadline, and reaped exactly once.
 *
 * What it does is a function of the caller's, a program, or first the one and then the other; what else is to happen in
 * the child (rights, resource limits, a name) is for that function. All ends of pipes but the child's three standard
 * streams close on exec, and the child has none of the parent's. The child starts with what stdio had buffered written
 * out; it must not use the parent's streams. Not for a child that outlives the parent, except by CHILD_GATE.
 *
 * A child has no deadline of its own: whoever reads from it or waits for it brings one each time, and decides what
 * becomes of a child that is late. For the work on a crash, limits_child_ms() and limits_left_ms() (common/limits.h)
 * say how long that may be.
 */
#ifndef COMMON_CHILD_H
#define COMMON_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/deadline.h"
#include "common/error.h"

/* Pipes between the two. */
enum child_stream {
	CHILD_INPUT,  /* the child's standard input; the parent writes */
	CHILD_OUTPUT, /* its standard output */
	CHILD_ERRORS, /* its standard error */
	CHILD_ANSWER, /* beside these, from work() */
	CHILD_GATE,   /* to work(): at its end the parent has let go, or has died */
	CHILD_STREAMS,
};
#define CHILD_PIPE(stream) (1u << (stream))

struct child_task {
	/* Runs in the child, with the child's ends (-1 where there is no pipe; CHILD_INPUT is 0 and so on). What it
	 * returns is the exit code; with `arguments`, 0 goes on to the program. NULL: nothing. */
	int (*work)(void *context, const int ends[CHILD_STREAMS]);
	void *context;
	char *const *arguments; /* for execvp(3); NULL for none. There is no CHILD_ANSWER then. */
	unsigned pipes;		/* CHILD_PIPE()s */
	bool joins_errors;	/* standard error goes where standard output goes */
	bool dies_with_parent;	/* prctl(2), PR_SET_PDEATHSIG */
	bool has_session;	/* setsid(2); then child_kill() ends what it has started too */
	bool resets_signals; /* none is blocked, and SIGPIPE ends it: what a program expects that did not grow up here
			      */
	bool closes_others;  /* nothing is open but the standard streams, the pipes, and `kept` */
	const int *kept;
	size_t kept_count;
};

/* All zero but the descriptors when there is none. */
struct child {
	pid_t pid; /* 0: none, or it was reaped */
	bool has_session;
	int ends[CHILD_STREAMS]; /* the parent's; -1 where there is no pipe */
};
#define CHILD_NONE                                                                                                     \
	{                                                                                                              \
		.ends = {-1, -1, -1, -1, -1},                                                                          \
	}

/* How it ended. Where SIGCHLD is ignored nobody can tell: -1 and 0. */
struct child_status {
	int exit_code; /* -1: it did not exit by itself */
	int signal;    /* what ended it; 0: nothing did */
};

/* Starts it. With `arguments` it returns when the program runs; one that cannot be run is ERROR_INVALID, "cannot run
 * gdb: there is no such program". */
struct error *child_start(const struct child_task *task, struct child *ret_child) must_check;

/* What comes by a pipe: the count of bytes, at least 1; 0 at its end; -1 with errno, ETIMEDOUT when the deadline is
 * over, also if there is something to read. */
ssize_t child_read(const struct child *child, enum child_stream stream, struct deadline deadline, void *ret_bytes,
		   size_t size);
/* So many bytes of CHILD_ANSWER. 0, or an errno: ETIMEDOUT, ENODATA when it ended before. They are to be trusted no
 * more than what the child has worked on. */
int child_read_answer(const struct child *child, struct deadline deadline, void *ret_bytes, size_t size);
/* All of it, `most` bytes at most, with a NUL behind; the caller frees it. `what` is for the messages: "the
 * explanation". The error's system_errno is ETIMEDOUT when the deadline is over, EMSGSIZE when it is longer. */
struct error *child_read_text(const struct child *child, enum child_stream stream, struct deadline deadline,
			      size_t most, const char *what, char **ret_text, size_t *ret_size) must_check;

void child_close(struct child *child, enum child_stream stream);

/* Waits for its end, and reaps it. child_kill() sends SIGKILL before; it is async-signal-safe. Of one that was reaped
 * before nobody can tell. */
struct child_status child_wait(struct child *child);
struct child_status child_kill(struct child *child);
/* Waits until it has ended or a signal has come, and has done with it: one that runs on is left to init(1). */
void child_wait_or_signal(struct child *child);
/* The same when it has ended already, else false. */
bool child_has_ended(struct child *child, struct child_status *ret_status);
/* The same, but false when the deadline is over before: then it is still there. */
bool child_await(struct child *child, struct deadline deadline, struct child_status *ret_status);
/* Meanwhile keeps the first words of CHILD_OUTPUT, at most size - 1 bytes and a NUL, and reads the others. It is the
 * child's end that counts, and not that of the pipe, which whatever the child has started may hold. */
bool child_await_words(struct child *child, struct deadline deadline, char *ret_words, size_t size,
		       struct child_status *ret_status);

/* For one that cannot be ended, because the kernel waits for a disk: nobody waits for it, init(1) reaps it. */
void child_abandon(struct child *child);

/* Closes the pipes, and kills and reaps what is still there. */
void child_deinit(struct child *child);

#define cleanup_child cleanup_with(child_deinit)

#endif
