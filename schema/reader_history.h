/* SPDX-License-Identifier: MIT */
/*
 * Rows out: what happened to a range of addresses. The history of a space that was forked is its ancestors' up to the
 * fork, then its own.
 */
#ifndef SCHEMA_READER_HISTORY_H
#define SCHEMA_READER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_call.h"
#include "schema/record_memory.h"

struct store_reader;

/* What a history is asked for. */
struct history_query {
	int64_t space_id;
	uint64_t start, end; /* events whose effect overlaps [start, end) */
	uint64_t until_ns;   /* events that began before this moment; UINT64_MAX for all */
	size_t limit;	     /* keep at most this many, the newest ones */
};

/* The memory events of a space and of the spaces that it was forked from (those until the fork), oldest first (by id),
 * failed calls left out. *ret_truncated tells that older ones were left out because of `limit`. The array is freed by
 * the caller. Reads the database newest first through the block summaries, so that its cost follows what overlaps, not
 * what was recorded. */
struct error *store_reader_history(struct store_reader *, const struct history_query *,
				   struct memory_event **ret_events, size_t *ret_count, bool *ret_truncated) must_check;

/* A heap's history: calls whose block or old_block overlaps [start, end), of the space and of those that it was forked
 * from (until the fork), oldest first (by id), the newest `limit` of them; *ret_truncated tells that older ones were
 * left out. A free names only an address: it overlaps when that address does. Freed by the caller. Its cost follows
 * what overlaps, not what was recorded. */
struct error *store_reader_heap_history(struct store_reader *, const struct history_query *,
					struct heap_event **ret_events, size_t *ret_count,
					bool *ret_truncated) must_check;

/* Number of memory events, markers and signals of a space and of those it was forked from. */
struct error *store_reader_count_events(struct store_reader *, int64_t space_id, uint64_t *ret_count) must_check;

#endif
