/* SPDX-License-Identifier: MIT */
/* Which parts of a file are no holes, and the sum over them (bundle/manifest.h). */
#ifndef BUNDLE_EXTENTS_H
#define BUNDLE_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* [offset, offset + bytes) */
struct bundle_extent {
	uint64_t offset, bytes;
};

struct bundle_extents {
	struct bundle_extent *extents; /* by rising offset, not touching each other */
	size_t count, capacity;
	uint64_t file_bytes;
	uint64_t stored; /* sum of their bytes */
	uint32_t crc;
};

/* A running sum over bytes that come with their offsets. */
struct bundle_sum {
	uint32_t crc;
	uint64_t end; /* of the bytes before */
	uint64_t stored;
};
void bundle_sum_add(struct bundle_sum *sum, uint64_t offset, const void *bytes, size_t size);

/* Reads all of a file but its holes. Runs of zeros of 64 KiB and more count as holes, and smaller holes as data. */
struct error *bundle_extents_read(int fd, const char *path, struct bundle_extents *ret) must_check;
void bundle_extents_deinit(struct bundle_extents *extents);

#endif
