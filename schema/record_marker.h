/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts: markers. Units and ownership: schema/record_recording.h.
 */
#ifndef SCHEMA_RECORD_MARKER_H
#define SCHEMA_RECORD_MARKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any prctl(2) call: a marker in the timeline. */
struct marker {
	int64_t id;
	int64_t space_id;
	uint32_t tid;
	uint64_t enter_ns;
	uint64_t exit_ns;
	uint64_t ip;
	int32_t option;	  /* first argument of prctl */
	uint64_t args[4]; /* arguments two to five */
	int64_t result;
	char *text; /* what the call names (PR_SET_NAME, PR_SET_VMA_ANON_NAME, CORELATE_MARK_TEXT); NULL for none */
};

/* Is args[0] a number that someone chose as a marker? prctl's PR_GET_DUMPABLE (3) ignores its other arguments, and
 * PR_SET_DUMPABLE (4) refuses what is not a mode: both are used as markers that change nothing. */
bool marker_has_number(const struct marker *marker);
/* Third prctl argument of the macros in include/corelate/marker.h ("corelate" in ASCII, first letter lowest). */
#define MARKER_MAGIC 0x6574616c65726f63ULL

void marker_deinit(struct marker *marker);
/* Of an array and its elements; NULL is fine. */
void markers_destroy(struct marker *markers, size_t count);

#endif
