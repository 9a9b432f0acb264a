/* SPDX-License-Identifier: MIT */
#include "common/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/child.h"
#include "common/inert.h"

#define SIGNAL SIGALRM
/* A child is waited for a little longer than there is time: that it is over is for the timer to say. */
#define GRACE_MS 1000
/* What malloc(3) asks the kernel for may be so much more than what it was asked for. */
#define ALLOCATOR_SLACK (2u << 20)

static struct {
	struct limits limits;
	volatile sig_atomic_t begun;
	bool has_timer;
	timer_t timer;
	struct itimerspec paused_at; /* what was left of the timer */
	unsigned pauses;
	int64_t deadline_ns; /* of CLOCK_MONOTONIC; while the clock stands still it is too early */
	struct sigaction action_before;
	struct rlimit data_before;
	char time_sentence[512], memory_sentence[512], shortage_sentence[512], child_failure[160];
	struct child *volatile child;
	int child_status; /* in the child: to end with; 0: this is the parent */
} state;

void limits_write_time(int64_t ns, char *out, unsigned size)
{
	snprintf(out, size, "%.6g s", (double)ns / 1e9);
}

void limits_write_memory(uint64_t bytes, char *out, unsigned size)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	unsigned unit = 0;

	while (unit < 4 && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, size, "%llu %s", (unsigned long long)bytes, units[unit]);
}

/* ---- the end ---- */

static void __attribute__((noreturn)) stop(const char *sentence)
{
	state.begun = 0;
	if (state.child)
		child_kill(state.child);
	state.limits.stop(sentence);
}

/* An alarm outlives execve(2), and anybody may send one: what it would have done without us. */
static void hand_on(int number)
{
	if (state.action_before.sa_handler == SIG_IGN)
		return;
	sigaction(number, &state.action_before, NULL);
	raise(number); /* it is blocked until we return */
}

static void on_timer(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code != SI_TIMER)
		hand_on(number);
	else if (state.begun && !state.pauses)
		stop(state.time_sentence);
}

/* Private writable memory that the process has, the stack included; 0 where /proc does not tell. Async-signal-safe. */
static uint64_t data_bytes(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[256] = "", *at = text;
	unsigned long long pages = 0;

	/* size resident shared text lib data dt (proc(5)) */
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0) {
		for (int i = 0; i < 6; i++)
			pages = strtoull(at, &at, 10);
	}
	if (fd >= 0)
		close(fd);
	return pages * (unsigned long long)sysconf(_SC_PAGESIZE);
}

/* Or is it that the system gave no more: ulimit, or a machine that does not overcommit? */
static bool is_own_limit(uint64_t bytes)
{
	uint64_t most = state.limits.memory_bytes, now = data_bytes();

	return most && (!now || bytes > most || now + bytes + ALLOCATOR_SLACK > most);
}

void limits_out_of_memory(uint64_t bytes)
{
	if (!state.begun)
		return;
	if (!state.child_status)
		stop(is_own_limit(bytes) ? state.memory_sentence : state.shortage_sentence);
	/* A size that a file claims: libraries refuse it themselves. */
	if (bytes <= state.limits.memory_bytes)
		_exit(state.child_status);
}

/* ---- begin and end ---- */

static bool is_bound_by_caller(void)
{
	struct rlimit space;

	return state.data_before.rlim_cur != RLIM_INFINITY ||
	       (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY);
}

static void write_sentences(const struct limits *limits, const char *subject)
{
	char time[32], memory[32], name[300] = "";
	FILE *out = fmemopen(name, sizeof(name) - 1, "w");

	if (out) {
		inert_write(subject, out);
		fclose(out);
	}
	limits_write_time(limits->time_ns, time, sizeof(time));
	limits_write_memory(limits->memory_bytes, memory, sizeof(memory));
	snprintf(state.time_sentence, sizeof(state.time_sentence),
		 "explaining %s took more than %s; %s raises the limit", name, time, limits->time_option);
	snprintf(state.memory_sentence, sizeof(state.memory_sentence),
		 "explaining %s took more than %s of memory; %s raises the limit", name, memory, limits->memory_option);
	snprintf(state.shortage_sentence, sizeof(state.shortage_sentence),
		 "explaining %s took more memory than the system gives this process (ulimit -d, ulimit -v)", name);
	if (is_bound_by_caller())
		snprintf(state.child_failure, sizeof(state.child_failure),
			 "it needed more memory than it may have (%s, ulimit -d, ulimit -v)", limits->memory_option);
	else
		snprintf(state.child_failure, sizeof(state.child_failure),
			 "it needed more than %s of memory (%s raises the limit)", memory, limits->memory_option);
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static void start_timer(int64_t ns)
{
	struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNAL};
	struct itimerspec when = {.it_value = timespec_of(ns)};
	sigset_t signals;

	sigemptyset(&action.sa_mask);
	sigaction(SIGNAL, &action, &state.action_before);
	/* Whoever started us may have blocked it. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGNAL);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	state.has_timer = ns && timer_create(CLOCK_MONOTONIC, &event, &state.timer) == 0;
	if (state.has_timer)
		timer_settime(state.timer, 0, &when, NULL);
}

static void limit_data(uint64_t bytes)
{
	struct rlimit limit = state.data_before;

	if (LIMITS_UNDER_SANITIZER)
		return;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > bytes)
		limit.rlim_cur = bytes;
	setrlimit(RLIMIT_DATA, &limit);
}

void limits_begin(const struct limits *limits, const char *subject)
{
	if (state.begun)
		return;
	state.limits = *limits;
	state.pauses = 0;
	state.child = NULL;
	if (getrlimit(RLIMIT_DATA, &state.data_before) != 0)
		state.data_before = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	write_sentences(limits, subject);
	state.deadline_ns = limits->time_ns ? deadline_clock_ns() + limits->time_ns : INT64_MAX;
	state.begun = 1;
	start_timer(limits->time_ns);
	if (limits->memory_bytes)
		limit_data(limits->memory_bytes);
}

void limits_end(void)
{
	if (!state.begun)
		return;
	state.begun = 0;
	if (state.has_timer)
		timer_delete(state.timer);
	state.has_timer = false;
	sigaction(SIGNAL, &state.action_before, NULL);
	if (!LIMITS_UNDER_SANITIZER)
		setrlimit(RLIMIT_DATA, &state.data_before);
}

void limits_pause(void)
{
	if (!state.begun || state.pauses++ || !state.has_timer)
		return;
	timer_settime(state.timer, 0, &(struct itimerspec){0}, &state.paused_at);
	/* It had just expired: the signal is ignored while it stands still, and comes again. */
	if (!state.paused_at.it_value.tv_sec && !state.paused_at.it_value.tv_nsec)
		state.paused_at.it_value.tv_nsec = 1;
}

void limits_resume(void)
{
	if (!state.begun || !state.pauses || --state.pauses || !state.has_timer)
		return;
	state.deadline_ns =
		deadline_clock_ns() + state.paused_at.it_value.tv_sec * 1000000000LL + state.paused_at.it_value.tv_nsec;
	timer_settime(state.timer, 0, &state.paused_at, NULL);
}

/* ---- children ---- */

unsigned limits_left_ms(unsigned most_ms)
{
	int64_t left_ms = state.begun ? (state.deadline_ns - deadline_clock_ns()) / 1000000 + GRACE_MS : most_ms;

	if (left_ms < 1)
		left_ms = 1;
	return left_ms < most_ms ? (unsigned)left_ms : most_ms;
}

unsigned limits_child_ms(void)
{
	int64_t half_ms = (state.begun && state.limits.time_ns ? state.limits.time_ns : LIMITS_TIME_NS) / 2 / 1000000;

	return half_ms < 1 ? 1 : half_ms > INT32_MAX ? INT32_MAX : (unsigned)half_ms;
}

void limits_watch_child(struct child *child)
{
	state.child = child;
}

void limits_confine_child(uint64_t files_bytes, int status)
{
	struct rlimit limit;

	state.child = NULL;
	state.child_status = status;
	if (!state.begun) {
		state.limits.memory_bytes = LIMITS_MEMORY_BYTES;
		state.begun = 1;
	}
	if (LIMITS_UNDER_SANITIZER || !state.limits.memory_bytes)
		return;
	limit.rlim_cur = data_bytes() + files_bytes + state.limits.memory_bytes;
	/* Not above what the caller was given himself. */
	if (getrlimit(RLIMIT_DATA, &state.data_before) == 0 && state.data_before.rlim_max < limit.rlim_cur)
		limit.rlim_cur = state.data_before.rlim_max;
	limit.rlim_max = limit.rlim_cur;
	setrlimit(RLIMIT_DATA, &limit);
}

const char *limits_child_failure(void)
{
	return state.child_failure[0] ? state.child_failure : "it needed too much memory";
}
