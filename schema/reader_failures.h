/* SPDX-License-Identifier: MIT */
/* Rows out: recorded calls for memory that failed. */
#ifndef SCHEMA_READER_FAILURES_H
#define SCHEMA_READER_FAILURES_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_memory.h"

struct store_reader;

/* The newest `limit` failed calls of thread `tid` in the space that began before `until_ns` and would have returned an
 * address (mmap, mremap, shmat), oldest first; not those of a space that it was forked from. Looked for among the
 * newest 200,000 events of the database alone, so that the cost is bounded. *ret_events is freed by the caller. */
struct error *store_reader_failures(struct store_reader *, int64_t space_id, uint32_t tid, uint64_t until_ns,
				    size_t limit, struct memory_event **ret_events, size_t *ret_count) must_check;

#endif
