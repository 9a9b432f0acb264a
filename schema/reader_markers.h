/* SPDX-License-Identifier: MIT */
/*
 * Rows out: markers, which are calls of prctl.
 */
#ifndef SCHEMA_READER_MARKERS_H
#define SCHEMA_READER_MARKERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_marker.h"

struct store_reader;

/* Markers of a space (and of those it was forked from, until the fork) in [from_ns, to_ns], oldest first, the newest
 * `limit` of them. Free with markers_destroy(). */
struct error *store_reader_markers(struct store_reader *, int64_t space_id, uint64_t from_ns, uint64_t to_ns,
				   size_t limit, struct marker **ret_markers, size_t *ret_count) must_check;

/* The last marker of that thread that ended before `time_ns`, or the first that began after it. ERROR_NOT_FOUND when
 * none. Free the text with marker_deinit(). */
struct error *store_reader_marker_before(struct store_reader *, int64_t space_id, uint32_t tid, uint64_t time_ns,
					 struct marker *ret) must_check;
struct error *store_reader_marker_after(struct store_reader *, int64_t space_id, uint32_t tid, uint64_t time_ns,
					struct marker *ret) must_check;

#endif
