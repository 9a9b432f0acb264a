/* SPDX-License-Identifier: MIT */
/*
 * corelate repair: the copy. Only what has bytes is copied (SEEK_DATA), so a sparse core stays sparse; the copy is made
 * under a temporary name beside its own and renamed when it is complete.
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

static struct error *copy_range(int from, int to, off_t start, off_t end, const char *path)
{
	while (start < end) {
		char buffer[1 << 16];
		off_t wanted = end - start < (off_t)sizeof(buffer) ? end - start : (off_t)sizeof(buffer);
		ssize_t got = pread(from, buffer, (size_t)wanted, start);

		if (got < 0)
			return error_errno(errno, "cannot read the core");
		if (got == 0)
			return NULL; /* it became shorter */
		for (ssize_t done = 0; done < got;) {
			ssize_t put = pwrite(to, buffer + done, (size_t)(got - done), start + done);

			if (put < 0)
				return error_errno(errno, "cannot write %s", path);
			done += put;
		}
		start += got;
	}
	return NULL;
}

static struct error *copy_data(int from, int to, off_t size, const char *path)
{
	off_t start = 0;
	struct error *err = NULL;

	if (ftruncate(to, size))
		return error_errno(errno, "cannot write %s", path);
	while (start < size && !err) {
		off_t data = lseek(from, start, SEEK_DATA);
		off_t hole;

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			data = start; /* a file system that knows no holes */
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || hole > size)
			hole = size;
		err = copy_range(from, to, data, hole, path);
		start = hole;
	}
	return err;
}

static struct error *put_back(const struct core *core, const struct repair *repair, int to, const char *path)
{
	for (size_t i = 0; i < repair->slot_count; i++) {
		const struct repaired_slot *slot = &repair->slots[i];
		const struct core_segment *segment = core_find_segment(core, slot->slot);
		off_t offset;

		if (!slot->return_address || slot->trust == FRAME_LOST || !segment ||
		    slot->slot + 8 - segment->start > segment->dumped_bytes)
			continue;
		offset = (off_t)(segment->file_offset + (slot->slot - segment->start));
		if (pwrite(to, &slot->return_address, sizeof(slot->return_address), offset) !=
		    (ssize_t)sizeof(slot->return_address))
			return error_errno(errno, "cannot write %s", path);
	}
	return NULL;
}

struct error *repair_write_core(const struct core *core, const struct repair *repair, const char *path)
{
	cleanup_fd int from = open(core->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_free char *temporary = NULL;
	struct stat input, output;
	cleanup_fd int to = -1;
	struct error *err;

	if (from < 0 || fstat(from, &input))
		return error_errno(errno, "%s", core->path);
	if (stat(path, &output) == 0) {
		if (output.st_dev == input.st_dev && output.st_ino == input.st_ino)
			return error_format(ERROR_INVALID, "%s is the core itself, which is never changed", path);
		if (!S_ISREG(output.st_mode))
			return error_format(ERROR_INVALID, "%s is there and is not a file", path);
	}
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return &error_no_memory;
	}
	to = mkostemp(temporary, O_CLOEXEC);
	if (to < 0)
		return error_errno(errno, "cannot write %s", path);
	err = copy_data(from, to, input.st_size, path);
	if (!err)
		err = put_back(core, repair, to, path);
	if (!err && (fsync(to) || rename(temporary, path)))
		err = error_errno(errno, "cannot write %s", path);
	if (err)
		unlink(temporary);
	return err;
}
