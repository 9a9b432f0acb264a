/* SPDX-License-Identifier: MIT */
/*
 * Rows out: the ledger of uprobes, whoever attached them.
 */
#ifndef SCHEMA_READER_PROBES_H
#define SCHEMA_READER_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_probe.h"

struct store_reader;

/* Which probes of the ledger are asked for. */
struct attached_probe_query {
	int64_t recording_id;
	bool any_place; /* ignore the place below */
	uint32_t device_major;
	uint32_t device_minor;
	uint64_t inode; /* matches the inode that carries the breakpoint, and the one that mappings show */
	uint64_t offset;
	int at_return;	  /* 1 uretprobes, 0 uprobes, -1 both */
	bool any_time;	  /* ignore the time below */
	uint64_t time_ns; /* those that were, or may have been, held at that moment */
	uint32_t pid;	  /* 0: no matter; else leave out those that are for another process alone */
};

/* Those probes, the certain ones first (attached_probe_held), then the longest attached. Free with
 * attached_probes_destroy(). */
struct error *store_reader_attached_probes(struct store_reader *, const struct attached_probe_query *query,
					   struct attached_probe **ret_probes, size_t *ret_count) must_check;

#endif
