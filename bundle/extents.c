/* SPDX-License-Identifier: MIT */
#include "bundle/extents.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/cleanup.h"
#include "common/vector.h"

#define GRAIN_BYTES (64u << 10)

void bundle_sum_add(struct bundle_sum *sum, uint64_t offset, const void *bytes, size_t size)
{
	uint8_t place[8];

	if (!size)
		return;
	if (offset != sum->end) {
		for (int i = 0; i < 8; i++)
			place[i] = (uint8_t)(offset >> 8 * i);
		sum->crc = (uint32_t)crc32(sum->crc, place, sizeof(place));
	}
	sum->crc = (uint32_t)crc32_z(sum->crc, bytes, size);
	sum->end = offset + size;
	sum->stored += size;
}

void bundle_extents_deinit(struct bundle_extents *extents)
{
	free(extents->extents);
	*extents = (struct bundle_extents){0};
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static struct error *add(struct bundle_extents *extents, uint64_t offset, uint64_t bytes)
{
	struct bundle_extent *last = extents->count ? &extents->extents[extents->count - 1] : NULL;
	struct error *err;

	if (last && last->offset + last->bytes == offset) {
		last->bytes += bytes;
		return NULL;
	}
	err = array_reserve(extents->extents, extents->capacity, extents->count + 1);
	if (!err)
		extents->extents[extents->count++] = (struct bundle_extent){offset, bytes};
	return err;
}

/* A grain that begins at `offset`, which may be the file's last and short. */
static struct error *take_grain(int fd, const char *path, uint64_t offset, uint8_t *grain, struct bundle_sum *sum,
				struct bundle_extents *extents)
{
	uint64_t left = extents->file_bytes - offset;
	size_t size = left < GRAIN_BYTES ? (size_t)left : GRAIN_BYTES;
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, grain + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(errno, "cannot read %s", path);
		if (got == 0)
			return error_format(ERROR_SYSTEM, "%s became shorter while it was read", path);
		done += (size_t)got;
	}
	if (is_zero(grain, size))
		return NULL;
	bundle_sum_add(sum, offset, grain, size);
	return add(extents, offset, size);
}

struct error *bundle_extents_read(int fd, const char *path, struct bundle_extents *ret)
{
	cleanup_free uint8_t *grain = malloc(GRAIN_BYTES);
	struct bundle_extents extents = {0};
	struct bundle_sum sum = {0};
	struct error *err = NULL;
	struct stat status;
	off_t at = 0;

	if (!grain)
		return &error_no_memory;
	if (fstat(fd, &status) < 0)
		return error_errno(errno, "cannot read %s", path);
	extents.file_bytes = (uint64_t)status.st_size;
	while (!err && at < status.st_size) {
		/* Where holes are not told, all of it is data. */
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			break;
		if (data > at)
			at = data - data % GRAIN_BYTES;
		err = take_grain(fd, path, (uint64_t)at, grain, &sum, &extents);
		at += GRAIN_BYTES;
	}
	if (err) {
		bundle_extents_deinit(&extents);
		return err;
	}
	extents.stored = sum.stored;
	extents.crc = sum.crc;
	*ret = extents;
	return NULL;
}
