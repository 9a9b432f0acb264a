/* SPDX-License-Identifier: MIT */
/*
 * Rows out: what was mapped where at a moment.
 */
#ifndef SCHEMA_READER_MAPS_H
#define SCHEMA_READER_MAPS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_memory.h"

struct store_reader;

/* What was mapped in a space just before `time_ns`, wherever a file was ever mapped or a mapping was found in place:
 * the mappings that memory events left standing there, as MEMORY_SEEN rows do (args: start, length, prot, flags, 0,
 * file offset; file_id; id and enter_ns of the event that made it), by rising start; freed by the caller. Memory that
 * was anonymous from the beginning is left out, so that its cost follows the number of libraries and not of
 * allocations. ERROR_INVALID for more mappings than a kernel allows. */
struct error *store_reader_maps_at(struct store_reader *, int64_t space_id, uint64_t time_ns,
				   struct memory_event **ret_mappings, size_t *ret_count) must_check;

/* What can tell at any moment which files' code was mapped where: the events before `until_ns` that concern a place
 * where a file was ever mapped executable, of the space and of those that it was forked from, by rising id; freed by
 * the caller. Costs what one store_reader_maps_at() does. */
struct error *store_reader_code_events(struct store_reader *, int64_t space_id, uint64_t until_ns,
				       struct memory_event **ret_events, size_t *ret_count) must_check;

#endif
