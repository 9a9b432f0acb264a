/* SPDX-License-Identifier: MIT */
/*
 * Rows out: probed functions, and the calls of those that --probe names. Those of the heap are in
 * schema/reader_history.h.
 */
#ifndef SCHEMA_READER_CALLS_H
#define SCHEMA_READER_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/reader_history.h"
#include "schema/record_call.h"

struct store_reader;

/* Calls of --probe functions that had an integer or pointer argument, or a result, in [start, end); oldest first, the
 * newest `limit` of them. Free each with call_event_deinit(), then the array. */
struct error *store_reader_calls(struct store_reader *, const struct history_query *, struct call_event **ret_events,
				 size_t *ret_count, bool *ret_truncated) must_check;

struct error *store_reader_function(struct store_reader *, int64_t id, struct probed_function *ret) must_check;
/* All functions of a recording; free each with probed_function_deinit(), then the array. */
struct error *store_reader_functions(struct store_reader *, int64_t recording_id, struct probed_function **ret,
				     size_t *ret_count) must_check;

/* From when on the calls of a process were seen, by the earliest of its rows (and of those for every process).
 * ERROR_NOT_FOUND: its calls were not recorded at all. */
/* By when the calls of all were seen who shared a space with the process that it was made for (vfork, CLONE_VM) before
 * `until_ns`, and did not leave it by an exec, or those had ended: 0 when there were none, INT64_MAX for never. What
 * they did to the heap before is not known. */
struct error *store_reader_sharers_covered(struct store_reader *, int64_t space_id, uint64_t until_ns,
					   uint64_t *ret_from_ns) must_check;

struct error *store_reader_probe_coverage(struct store_reader *, int64_t recording_id, int64_t process_id,
					  struct probe_coverage *ret) must_check;

#endif
