/* SPDX-License-Identifier: MIT */
/*
 * The verdict's story: the recorded calls that its chain and background cite, each once, in the order of time, then the
 * end. As each form of the report shows it. Only for analyzer/report_*.c.
 */
#ifndef ANALYZER_REPORT_STORY_H
#define ANALYZER_REPORT_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/report/report.h"
#include "common/error.h"

struct story_line {
	uint64_t time_ns; /* CLOCK_BOOTTIME; of the end, the death's */
	bool has_time;	  /* false: it is not known when, or there is no record */
	bool is_act;	  /* the act that the cause ends at */
	bool is_end;
	bool is_lost;		     /* where the trail is lost: something that was not seen */
	char *what;		     /* one line: "munmap(0x7f…, 65536): first munmap" */
	char *who;		     /* the code: "libwalker.so walker_close+0x18 (walker.c:25)"; NULL for not known */
	const struct symbol *symbol; /* the same as data; the crash's; NULL for not known */
};

struct story {
	struct story_line *lines;
	size_t count;
};

/* Of report->findings->findings[0]. Freed with story_deinit(), also after an error. */
struct error *story_build(const struct report *report, struct story *ret_story) must_check;
void story_deinit(struct story *story);

/* "-459.0 ms", "0" for the end, "?" where it is not known: the first column of a line. Returns `text`. */
const char *story_when(char text[32], const struct crash *crash, const struct story_line *line);

/* words_sureness() of the finding's cause. */
const char *report_sureness(const struct finding *finding);

#endif
