/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/inert.h"

#define FIRST_NS 1000000000LL
#define NEXT_NS 200000000LL
#define LINE_BYTES 512

static struct {
	pthread_mutex_t mutex; /* for all below */
	pthread_cond_t changed;
	pthread_t drawer;
	bool running, stopping, shown;
	unsigned depth; /* of begins without their end */
	char label[LINE_BYTES];
	struct timespec began;
	int fd; /* -1: none is followed */
	uint64_t bytes;
	size_t done, total; /* total 0: nothing is counted */
} progress = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .fd = -1};

static int64_t nanoseconds(const struct timespec *time)
{
	return time->tv_sec * 1000000000LL + time->tv_nsec;
}

static size_t terminal_width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col : 80;
}

static void put(const char *text, size_t length)
{
	/* A terminal that is gone misses nothing. */
	if (write(STDERR_FILENO, text, length) < 0)
		progress.shown = false;
}

/* How far it is: "34 %", "7 of 200", or "" when that cannot be told. */
static void tell_share(char *out, size_t size)
{
	off_t position = progress.fd >= 0 ? lseek(progress.fd, 0, SEEK_CUR) : -1;

	out[0] = 0;
	if (position >= 0 && progress.bytes)
		snprintf(out, size, " %d %%",
			 (int)((double)position * 100 / (double)progress.bytes > 100
				       ? 100
				       : (double)position * 100 / (double)progress.bytes));
	else if (progress.total)
		snprintf(out, size, " %zu of %zu", progress.done, progress.total);
}

/* Under the mutex. */
static void draw(void)
{
	char share[64], tail[128], line[2 * LINE_BYTES];
	size_t width = terminal_width() - 1, tail_length, label_length = strlen(progress.label);
	struct timespec now;
	int length;

	clock_gettime(CLOCK_MONOTONIC, &now);
	tell_share(share, sizeof(share));
	snprintf(tail, sizeof(tail), ":%s %" PRId64 " s", share,
		 (nanoseconds(&now) - nanoseconds(&progress.began)) / 1000000000);
	tail_length = strlen(tail);
	/* The label is cut, never the numbers, and never within a character. */
	if (label_length + tail_length > width) {
		label_length = width > tail_length ? width - tail_length : 0;
		while (label_length && (progress.label[label_length] & 0xc0) == 0x80)
			label_length--;
	}
	length = snprintf(line, sizeof(line), "\r\033[K%.*s%s", (int)label_length, progress.label, tail);
	progress.shown = true;
	put(line, (size_t)length);
}

static void *run(void *unused)
{
	struct timespec next;
	int64_t wait_ns = FIRST_NS;

	(void)unused;
	pthread_mutex_lock(&progress.mutex);
	while (!progress.stopping) {
		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_sec += (next.tv_nsec + wait_ns) / 1000000000;
		next.tv_nsec = (next.tv_nsec + wait_ns) % 1000000000;
		pthread_cond_clockwait(&progress.changed, &progress.mutex, CLOCK_MONOTONIC, &next);
		if (progress.stopping)
			break;
		draw();
		wait_ns = NEXT_NS;
	}
	pthread_mutex_unlock(&progress.mutex);
	return NULL;
}

static void set_label(const char *what, const char *of)
{
	FILE *out = fmemopen(progress.label, sizeof(progress.label), "w");

	progress.label[0] = 0;
	if (!out)
		return;
	setvbuf(out, NULL, _IONBF, 0);
	fputs(what, out);
	if (of) {
		fputc(' ', out);
		inert_write(of, out);
	}
	fclose(out);
	progress.label[sizeof(progress.label) - 1] = 0;
}

void progress_begin(const char *what, const char *of)
{
	if (progress.depth++ || !isatty(STDERR_FILENO))
		return;
	set_label(what, of);
	clock_gettime(CLOCK_MONOTONIC, &progress.began);
	progress.running = pthread_create(&progress.drawer, NULL, run, NULL) == 0;
}

void progress_follow(int fd, uint64_t bytes)
{
	if (progress.depth != 1)
		return;
	pthread_mutex_lock(&progress.mutex);
	progress.fd = fd;
	progress.bytes = bytes;
	pthread_mutex_unlock(&progress.mutex);
}

void progress_count(size_t done, size_t total)
{
	if (progress.depth != 1)
		return;
	pthread_mutex_lock(&progress.mutex);
	progress.done = done;
	progress.total = total;
	pthread_mutex_unlock(&progress.mutex);
}

void progress_end(void)
{
	if (!progress.depth || --progress.depth)
		return;
	if (progress.running) {
		pthread_mutex_lock(&progress.mutex);
		progress.stopping = true;
		pthread_cond_signal(&progress.changed);
		pthread_mutex_unlock(&progress.mutex);
		pthread_join(progress.drawer, NULL);
		if (progress.shown)
			put("\r\033[K", 4);
	}
	progress.running = progress.stopping = progress.shown = false;
	progress.fd = -1;
	progress.bytes = 0;
	progress.done = progress.total = 0;
}
