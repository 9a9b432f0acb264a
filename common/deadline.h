/* SPDX-License-Identifier: MIT */
/*
 * How long something may take. By CLOCK_MONOTONIC: the date is set while machines run, most of all when they have just
 * started, and a wait must neither end nor last for that. (It stands still while the machine sleeps, as the work does.)
 */
#ifndef COMMON_DEADLINE_H
#define COMMON_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A moment, in nanoseconds of CLOCK_MONOTONIC. */
struct deadline {
	int64_t at_ns;
};

static inline int64_t deadline_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* So many milliseconds from now; more than a hundred years are as many. */
static inline struct deadline deadline_in_ms(uint64_t ms)
{
	const uint64_t most = 100ULL * 366 * 86400 * 1000;

	return (struct deadline){deadline_clock_ns() + (int64_t)(ms < most ? ms : most) * 1000000};
}

static inline struct deadline deadline_never(void)
{
	return (struct deadline){INT64_MAX};
}

static inline bool deadline_is_over(struct deadline deadline)
{
	return deadline_clock_ns() >= deadline.at_ns;
}

/* For poll(2): what is left, rounded up, `most_ms` at most; 0 when it is over. */
static inline int deadline_left_ms(struct deadline deadline, int most_ms)
{
	int64_t left_ns = deadline.at_ns - deadline_clock_ns();

	if (left_ns <= 0)
		return 0;
	return left_ns / 1000000 >= most_ms ? most_ms : (int)((left_ns + 999999) / 1000000);
}

#endif
