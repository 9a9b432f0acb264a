/* SPDX-License-Identifier: MIT */
/*
 * A part of a store as a store of its own, for a bundle: what was recorded of one address space.
 */
#ifndef SCHEMA_READER_EXTRACT_H
#define SCHEMA_READER_EXTRACT_H

#include <stdint.h>

#include "common/error.h"

struct store_reader;

/* What an extract is made of. */
struct extract_query {
	int64_t space_id;    /* 0: an empty store */
	uint32_t sender_pid; /* a process of the same recording that is named in it; 0: none */
};

/* Writes a new store to `path` that answers every question about that space as this one does: its rows and those of
 * the spaces that it was forked from (until the fork), everything that these name, and what the recording knows beside
 * them (gaps, attached probes, functions, truncations of its files), with their ids. One file, without a log. On an
 * error nothing is left of it; ERROR_NOT_FOUND when there is no such space. The cost is that of reading the space's
 * events, and of passing over all heap calls. */
struct error *store_reader_extract(struct store_reader *, const struct extract_query *query,
				   const char *path) must_check;

#endif
