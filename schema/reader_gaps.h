/* SPDX-License-Identifier: MIT */
/*
 * Rows out: what is not there. Losses, and processes that were pruned.
 */
#ifndef SCHEMA_READER_GAPS_H
#define SCHEMA_READER_GAPS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_recording.h"

struct store_reader;

/* The gaps up to `until_ns` that concern an address space: those of nobody in particular, of the processes that use it,
 * and of its ancestors and their sharers before the fork. Freed by the caller. */
struct error *store_reader_space_gaps(struct store_reader *, int64_t space_id, uint64_t until_ns, struct gap **ret_gaps,
				      size_t *ret_count) must_check;

/* How many processes store_prune() has removed, and when the last of them had ended (ns since 1970); 0 for none. */
struct error *store_reader_pruned(struct store_reader *, uint64_t *ret_processes, int64_t *ret_until_ns) must_check;

#endif
