/* SPDX-License-Identifier: MIT */
/*
 * corelate repair: the copy. Only what has bytes is copied (SEEK_DATA), so a sparse core stays sparse; a stream gets
 * zeros for its holes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/repair/repair.h"
#include "common/cleanup.h"
#include "common/output.h"

#define CHUNK_BYTES (1 << 16)

struct copying {
	const struct core *core;
	const struct repair *repair;
	struct output *output;
	int from;
};

static struct error *write_at(const struct copying *copying, const char *bytes, size_t size, off_t offset)
{
	while (size) {
		ssize_t put = copying->output->is_stream ? write(copying->output->fd, bytes, size)
							 : pwrite(copying->output->fd, bytes, size, offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return write_place_failure(copying->output->path, put ? errno : ENOSPC);
		bytes += put;
		size -= (size_t)put;
		offset += put;
	}
	return NULL;
}

/* The return addresses whose words lie in this piece of the file, in whole or in part. No such word is in a hole: it
 * held the trampoline's address. */
static void put_back(const struct copying *copying, char *bytes, size_t size, off_t start)
{
	for (size_t i = 0; i < copying->repair->slot_count; i++) {
		const struct repaired_slot *slot = &copying->repair->slots[i];
		const struct core_segment *segment = core_find_segment(copying->core, slot->slot);
		const char *word = (const char *)&slot->return_address;
		off_t offset;

		if (!slot->return_address || slot->trust == FRAME_LOST || !segment ||
		    slot->slot + 8 - segment->start > segment->dumped_bytes)
			continue;
		offset = (off_t)(segment->file_offset + (slot->slot - segment->start));
		for (off_t at = offset; at < offset + 8; at++) {
			if (at >= start && at < start + (off_t)size)
				bytes[at - start] = word[at - offset];
		}
	}
}

static struct error *copy_range(const struct copying *copying, off_t start, off_t end)
{
	struct error *err = NULL;

	while (!err && start < end) {
		char buffer[CHUNK_BYTES];
		off_t wanted = end - start < CHUNK_BYTES ? end - start : CHUNK_BYTES;
		ssize_t got = pread(copying->from, buffer, (size_t)wanted, start);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(errno, "cannot read the core");
		if (got == 0)
			return error_format(ERROR_SYSTEM, "the core became shorter while it was copied");
		put_back(copying, buffer, (size_t)got, start);
		err = write_at(copying, buffer, (size_t)got, start);
		start += got;
	}
	return err;
}

static struct error *copy_hole(const struct copying *copying, off_t start, off_t end)
{
	static const char zeros[CHUNK_BYTES];
	struct error *err = NULL;

	while (!err && copying->output->is_stream && start < end) {
		off_t piece = end - start < CHUNK_BYTES ? end - start : CHUNK_BYTES;

		err = write_at(copying, zeros, (size_t)piece, start);
		start += piece;
	}
	return err;
}

static struct error *copy_all(const struct copying *copying, off_t size)
{
	off_t start = 0;
	struct error *err = NULL;

	if (!copying->output->is_stream && ftruncate(copying->output->fd, size))
		return write_place_failure(copying->output->path, errno);
	while (start < size && !err) {
		off_t data = lseek(copying->from, start, SEEK_DATA), hole;

		if (data < 0)
			data = errno == ENXIO ? size : start; /* nothing more; or a file system that knows no holes */
		if (data > size)
			data = size;
		hole = lseek(copying->from, data, SEEK_HOLE);
		if (hole < 0 || hole > size)
			hole = size;
		err = copy_hole(copying, start, data) ?: copy_range(copying, data, hole);
		start = hole;
	}
	return err;
}

struct error *repair_write_core(const struct core *core, const struct repair *repair, const char *path)
{
	cleanup_fd int from = open(core->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct output output;
	const struct copying copying = {.core = core, .repair = repair, .output = &output, .from = from};
	struct stat input;
	struct error *err;

	if (from < 0 || fstat(from, &input))
		return error_errno(errno, "%s", core->path);
	err = output_open(path, true, &output);
	if (err)
		return err;
	if (output.device == input.st_dev && output.inode == input.st_ino)
		err = error_format(ERROR_INVALID, "%s is the core itself, which is never changed", path);
	if (!err)
		err = copy_all(&copying, input.st_size) ?: output_commit(&output);
	output_deinit(&output);
	return err;
}
