/* SPDX-License-Identifier: MIT */
/* The dead process's memory: which segment, file or module holds an address, and the bytes at it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/core/core_internal.h"
#include "common/array.h"
#include "common/cleanup.h"

#define MODULE_DEPTH 16

size_t core_segment_above(const struct core *core, uint64_t address)
{
	return array_count_up_to(core->segments, core->segment_count, end, address);
}

const struct core_segment *core_find_segment(const struct core *core, uint64_t address)
{
	size_t index = core_segment_above(core, address);

	if (index < core->segment_count && core->segments[index].start <= address)
		return &core->segments[index];
	return NULL;
}

/* Where the next segment begins above an address that is in none. */
static uint64_t next_segment_start(const struct core *core, uint64_t address)
{
	size_t index = core_segment_above(core, address);

	return index < core->segment_count ? core->segments[index].start : UINT64_MAX;
}

const struct core_file_mapping *core_find_file(const struct core *core, uint64_t address)
{
	size_t count = array_count_up_to(core->files, core->file_count, start, address);

	return count > 0 && address < core->files[count - 1].end ? &core->files[count - 1] : NULL;
}

const struct core_module *core_find_module(const struct core *core, uint64_t address)
{
	size_t count = array_count_up_to(core->modules, core->module_count, start, address);

	/* Modules can be nested where one mapping was put over the middle of another, but hardly ever deeply. */
	for (unsigned depth = 0; count > 0 && depth < MODULE_DEPTH; count--, depth++) {
		const struct core_module *module = &core->modules[count - 1];

		if (address < module->end) {
			const struct core_file_mapping *file = core_find_file(core, address);

			return !file || strcmp(file->path, module->path) == 0 ? module : NULL;
		}
	}
	return NULL;
}

const struct core_thread *core_find_thread(const struct core *core, uint32_t tid)
{
	for (size_t i = 0; i < core->thread_count; i++) {
		if (core->threads[i].tid == tid)
			return &core->threads[i];
	}
	return NULL;
}

/* Copies from the one segment that holds `address`, at most up to the end of its dumped bytes. */
static size_t segment_read(const struct core *core, const struct core_segment *segment, uint64_t address, void *buffer,
			   size_t size)
{
	uint64_t offset = address - segment->start;

	if (offset >= segment->dumped_bytes)
		return 0;
	if (size > segment->dumped_bytes - offset)
		size = segment->dumped_bytes - offset;
	memcpy(buffer, core->private_->bytes + segment->file_offset + offset, size);
	return size;
}

/* Copies from the file behind a read-only page that was left out of the core on purpose. Where `segment`
 * is NULL, no program header speaks of the address: GDB's gcore leaves out whole mappings that nobody wrote to. */
static size_t file_read(const struct core *core, const struct core_segment *segment, uint64_t address, void *buffer,
			size_t size)
{
	const struct core_file_mapping *file = core_find_file(core, address);
	const struct core_module *module;
	uint64_t position, limit;
	ssize_t count;

	/* Bytes that a cut-off core has lost are not taken from the file: the process may have changed them
	 * (relocations, breakpoints). */
	if (!file || (segment && ((segment->flags & PF_W) ||
				  address - segment->start < core->private_->promised_bytes[segment - core->segments])))
		return 0;
	module = core_find_module(core, address);
	if (!module || module->state != CORE_MODULE_FOUND || strcmp(module->path, file->path) != 0)
		return 0;
	limit = segment && segment->end < file->end ? segment->end : file->end;
	if (!segment && next_segment_start(core, address) < limit)
		limit = next_segment_start(core, address);
	if (size > limit - address)
		size = limit - address;
	position = file->offset + (address - file->start);
	if (position < file->offset || position > INT64_MAX)
		return 0;
	count = pread(module->elf_fd, buffer, size, (off_t)position);
	return count > 0 ? (size_t)count : 0;
}

static size_t memory_read(const struct core *core, uint64_t address, void *buffer, size_t size, bool from_files)
{
	size_t done = 0;

	while (done < size && address + done >= address) {
		uint64_t at = address + done;
		const struct core_segment *segment = core_find_segment(core, at);
		uint8_t *to = (uint8_t *)buffer + done;
		size_t count = 0;

		if (segment)
			count = segment_read(core, segment, at, to, size - done);
		if (count == 0 && from_files)
			count = file_read(core, segment, at, to, size - done);
		if (count == 0)
			break;
		done += count;
	}
	return done;
}

size_t core_read(const struct core *core, uint64_t address, void *buffer, size_t size)
{
	return memory_read(core, address, buffer, size, true);
}

size_t core_read_dumped(const struct core *core, uint64_t address, void *buffer, size_t size)
{
	return memory_read(core, address, buffer, size, false);
}

/* The next byte of the file from `offset` on that is in no hole; `end` for none. A file system without holes has none.
 */
static uint64_t skip_hole(const struct core *core, uint64_t offset, uint64_t end)
{
	off_t data = core->private_->fd >= 0 ? lseek(core->private_->fd, (off_t)offset, SEEK_DATA) : (off_t)offset;

	if (data < 0)
		return errno == ENXIO ? end : offset;
	return (uint64_t)data < end ? (uint64_t)data : end;
}

static uint64_t find_hole(const struct core *core, uint64_t offset, uint64_t end)
{
	off_t hole = core->private_->fd >= 0 ? lseek(core->private_->fd, (off_t)offset, SEEK_HOLE) : -1;

	return hole > (off_t)offset && (uint64_t)hole < end ? (uint64_t)hole : end;
}

bool core_next_dumped(const struct core *core, uint64_t address, uint64_t limit, uint64_t *ret_start, uint64_t *ret_end)
{
	for (size_t i = core_segment_above(core, address); i < core->segment_count; i++) {
		const struct core_segment *segment = &core->segments[i];
		uint64_t start = segment->start > address ? segment->start : address;
		uint64_t end = segment->start + segment->dumped_bytes;
		uint64_t to_file = segment->file_offset - segment->start; /* modulo 2^64 */

		if (start >= limit)
			return false;
		if (end > limit)
			end = limit;
		if (start < end)
			start = skip_hole(core, start + to_file, end + to_file) - to_file;
		if (start >= end)
			continue;
		*ret_start = start;
		*ret_end = find_hole(core, start + to_file, end + to_file) - to_file;
		return true;
	}
	return false;
}

bool core_read_word(const struct core *core, uint64_t address, uint64_t *ret_word)
{
	uint64_t word;

	if (core_read(core, address, &word, sizeof(word)) != sizeof(word))
		return false;
	*ret_word = word;
	return true;
}
