/* SPDX-License-Identifier: MIT */
/*
 * What an address space was forked from. Not for other modules.
 */
#ifndef SCHEMA_READER_LINEAGE_H
#define SCHEMA_READER_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct memory_event;
struct store_reader;

/* A space whose events that began before `until_ns` belong to the history of the space that was asked for: those for
 * certain that returned by `sure_ns`, the others perhaps, because a fork was copying the memory meanwhile. */
struct lineage_step {
	int64_t space_id;
	uint64_t until_ns;
	uint64_t sure_ns;
};

/* The space itself and what it was forked from, nearest first. `*ret_is_cut` tells that it was longer than is followed.
 * Freed by the caller. */
struct error *store_lineage(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
			    struct lineage_step **ret_steps, size_t *ret_count, bool *ret_is_cut) must_check;

bool store_lineage_holds(const struct lineage_step *steps, size_t count, int64_t space_id, uint64_t enter_ns);

/* The same for a memory event, whose is_doubtful and copied_ns it sets. */
bool store_lineage_takes(const struct lineage_step *steps, size_t count, struct memory_event *event);

#endif
