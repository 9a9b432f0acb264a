/* SPDX-License-Identifier: MIT */
/*
 * Everything that is known of one crash, as plain data, in three parts: what the core says, what the record says, and
 * what was derived from both without judging. The steps in assemble/ make it; all others get it const. A part that is
 * not known says so; nothing is made up.
 */
#ifndef ANALYZER_CRASH_H
#define ANALYZER_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/crash_facts.h"
#include "analyzer/crash_from_core.h"
#include "analyzer/crash_from_record.h"
#include "common/error.h"
#include "schema/record_recording.h"

/* What could not be had, one line each, for the report. Each step that builds a crash may add to them. */
struct crash_notes {
	char **lines;
	size_t count;
};

struct crash {
	struct crash_from_core core;
	struct crash_from_record record;
	struct crash_facts facts;
	struct crash_notes notes;
};

/* True when something may have happened to this process between the two moments that was not recorded. *ret_gap, if not
 * NULL, gets the first such gap, or NULL when the recording had not begun by `from_ns`. */
bool crash_unseen_between(const struct crash *crash, uint64_t from_ns, uint64_t to_ns, const struct gap **ret_gap);

/* The date of a recorded moment, in nanoseconds since the epoch; false when it cannot be one (a damaged database). */
bool crash_realtime_ns(const struct recording *recording, uint64_t time_ns, int64_t *ret_ns);

/* Frees all but the core. */
void crash_deinit(struct crash *crash);

struct error *crash_add_note(struct crash_notes *notes, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;

#endif
