/* SPDX-License-Identifier: MIT */
/* The biography line by line, as each form of the report shows it. Only for analyzer/report_*.c. */
#ifndef ANALYZER_REPORT_LINES_H
#define ANALYZER_REPORT_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/crash.h"

/* A line of the biography: a system call, a call that the chronicle tells, or a marker near one. */
struct report_line {
	uint64_t time_ns;
	size_t event; /* SIZE_MAX for the others */
	const struct marker *marker;
	const struct told_call *told;
};

/* The last `limit` system calls that touch the page, after `skip` older ones, all of the chronicle, and the markers
 * around them, in the order of time. The caller frees them; NULL without memory. */
struct report_line *report_lines_collect(const struct crash *crash, size_t skip, size_t limit, size_t *ret_count);

#endif
