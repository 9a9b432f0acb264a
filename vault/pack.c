/* SPDX-License-Identifier: MIT */
/* A core's way into core.zst. */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "vault/vault_internal.h"

#define CHUNK_BYTES (256u << 10)
/* How much of a core is held for the case that it cannot be written: the notes of thousands of threads. */
#define HEAD_BYTES (4u << 20)
/* How often the file system is asked for its free space: once for so many bytes of core, or half of what is to stay
 * free, so that it does not run full in between. */
#define ROOM_EVERY_BYTES (8u << 20)

static void free_reader(struct archive **archive)
{
	archive_read_free(*archive);
}

static void free_writer(struct archive **archive)
{
	archive_write_free(*archive);
}

static void free_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

/* ---- where the bytes come from ---- */

struct source {
	int fd;
	struct archive *archive; /* NULL: the descriptor's bytes as they are */
	const volatile sig_atomic_t *stop;
};

static bool is_stopped(const volatile sig_atomic_t *stop)
{
	return stop && *stop;
}

static struct error *archive_failure(struct archive *archive, const char *what)
{
	return error_format(ERROR_INVALID, "%s: %s", what, archive_error_string(archive) ?: "unknown failure");
}

static struct error *source_open(struct source *source, int fd, bool foreign)
{
	struct archive_entry *entry;

	source->fd = fd;
	if (!foreign)
		return NULL;
	source->archive = archive_read_new();
	if (!source->archive)
		return &error_no_memory;
	vault_support_filters(source->archive);
	archive_read_support_format_raw(source->archive);
	if (archive_read_open_fd(source->archive, fd, CHUNK_BYTES) != ARCHIVE_OK ||
	    archive_read_next_header(source->archive, &entry) != ARCHIVE_OK)
		return archive_failure(source->archive, "cannot unpack the core");
	return NULL;
}

/* 0 at the end. */
static struct error *source_read(struct source *source, void *buffer, size_t size, size_t *ret_bytes)
{
	ssize_t got;

	if (source->archive) {
		got = archive_read_data(source->archive, buffer, size);
		if (got < 0)
			return archive_failure(source->archive, "cannot unpack the core");
	} else {
		do
			got = read(source->fd, buffer, size);
		while (got < 0 && errno == EINTR && !is_stopped(source->stop));
		if (got < 0 && errno == EINTR)
			got = 0;
		if (got < 0)
			return error_errno(errno, "cannot read the core");
	}
	*ret_bytes = (size_t)got;
	return NULL;
}

/* ---- where they go ---- */

/* libarchive says "Write error" and keeps the reason to itself. */
static struct error *sink_failure(struct archive *archive)
{
	int number = archive_errno(archive);

	return error_format(ERROR_SYSTEM, "cannot write the core: %s",
			    number > 0 ? strerror(number) : archive_error_string(archive) ?: "unknown failure");
}

static struct error *sink_open(struct archive *archive, int fd)
{
	cleanup_with(free_entry) struct archive_entry *entry = archive_entry_new();

	if (!archive || !entry)
		return &error_no_memory;
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "core");
	if (archive_write_set_format_raw(archive) != ARCHIVE_OK ||
	    archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
	    archive_write_set_filter_option(archive, "zstd", "compression-level", "1") != ARCHIVE_OK ||
	    /* No padding, and no block that waits to be full. */
	    archive_write_set_bytes_per_block(archive, 0) != ARCHIVE_OK ||
	    archive_write_open_fd(archive, fd) != ARCHIVE_OK || archive_write_header(archive, entry) != ARCHIVE_OK)
		return sink_failure(archive);
	return NULL;
}

static struct error *sink_write(struct archive *archive, const uint8_t *bytes, size_t size)
{
	while (size) {
		la_ssize_t put = archive_write_data(archive, bytes, size);

		if (put <= 0)
			return sink_failure(archive);
		bytes += put;
		size -= (size_t)put;
	}
	return NULL;
}

/* True when less is free than is to stay free. A file system that does not tell has room. */
static bool is_out_of_room(int fd, uint64_t keep_free)
{
	struct statvfs status;

	return keep_free && fstatvfs(fd, &status) == 0 && (uint64_t)status.f_bavail * status.f_frsize < keep_free;
}

/* ---- the notes ---- */

/* Where the notes end, by the file's first bytes; 0 when that is no core. */
static uint64_t end_of_notes(const uint8_t *bytes, size_t size)
{
	Elf64_Ehdr header;
	Elf64_Phdr first;

	if (size < sizeof(header))
		return 0;
	memcpy(&header, bytes, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_phentsize != sizeof(first) || header.e_phoff > size || size - header.e_phoff < sizeof(first))
		return 0;
	memcpy(&first, bytes + header.e_phoff, sizeof(first));
	if (first.p_type != PT_NOTE || first.p_offset + first.p_filesz < first.p_offset)
		return 0;
	return first.p_offset + first.p_filesz;
}

/* ---- the whole way ---- */

struct packing {
	struct source source;
	struct archive *sink;
	int out_fd;
	const struct vault_pack_limits *limits;
	uint8_t *buffer;
	uint8_t *head; /* the first of the core; NULL for a foreign one, which can be read again */
	size_t head_bytes;
	uint64_t notes_end; /* 0 until it is known */
	uint64_t room_asked_at;
	bool is_sink_broken;
};

/* A full buffer or the input's end: a pipe hands out a few pages at a time. */
static struct error *fill(struct packing *packing, size_t size, size_t *ret_bytes)
{
	size_t used = 0, got = 1;
	struct error *err = NULL;

	while (!err && used < size && got) {
		err = source_read(&packing->source, packing->buffer + used, size - used, &got);
		if (!err)
			used += got;
	}
	*ret_bytes = used;
	return err;
}

/* One byte more than the limit tells a core of just that size from one that is cut. */
static struct error *is_at_end(struct packing *packing, bool *ret_end)
{
	size_t got;
	struct error *err = source_read(&packing->source, packing->buffer, 1, &got);

	*ret_end = !err && got == 0;
	return err;
}

static bool is_room_left(struct packing *packing, uint64_t at)
{
	uint64_t keep_free = packing->limits->keep_free;

	if (at < packing->room_asked_at)
		return true;
	packing->room_asked_at = at + (keep_free / 2 < ROOM_EVERY_BYTES ? keep_free / 2 : ROOM_EVERY_BYTES);
	return !is_out_of_room(packing->out_fd, keep_free);
}

static void hold_head(struct packing *packing, size_t bytes)
{
	size_t room = packing->head ? HEAD_BYTES - packing->head_bytes : 0;

	bytes = bytes < room ? bytes : room;
	if (bytes)
		memcpy(packing->head + packing->head_bytes, packing->buffer, bytes);
	packing->head_bytes += bytes;
}

static struct error *take_chunk(struct packing *packing, size_t bytes, struct vault_packed *packed)
{
	struct error *err;

	if (!packed->core_bytes)
		packing->notes_end = end_of_notes(packing->buffer, bytes);
	hold_head(packing, bytes);
	err = sink_write(packing->sink, packing->buffer, bytes);
	packing->is_sink_broken = err != NULL;
	if (!err)
		packed->core_bytes += bytes;
	return err;
}

static struct error *pack_all(struct packing *packing, struct vault_packed *packed)
{
	for (;;) {
		uint64_t most = packing->limits->most_bytes, left = most ? most - packed->core_bytes : CHUNK_BYTES;
		struct error *err, *write_err = NULL;
		size_t bytes = 0;
		bool at_end;

		if (!left) {
			err = is_at_end(packing, &at_end);
			packed->end = at_end ? VAULT_PACK_WHOLE : VAULT_PACK_TOO_LARGE;
			return err;
		}
		if (!is_room_left(packing, packed->core_bytes)) {
			packed->end = VAULT_PACK_NO_ROOM;
			return NULL;
		}
		err = fill(packing, left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES, &bytes);
		if (bytes)
			write_err = take_chunk(packing, bytes, packed);
		if (write_err) {
			error_destroy(err);
			return write_err;
		}
		if (is_stopped(packing->limits->stop)) {
			packed->end = VAULT_PACK_STOPPED;
			return err;
		}
		if (err || !bytes)
			return err;
	}
}

static struct error *close_sink(struct packing *packing)
{
	if (archive_write_close(packing->sink) == ARCHIVE_OK)
		return NULL;
	packing->is_sink_broken = true;
	return sink_failure(packing->sink);
}

/* Over what was written, which makes the room for it: half as much, so that there is some left for what is said of the
 * crash, but all notes. */
static struct error *pack_head(struct packing *packing, struct vault_packed *packed)
{
	uint64_t bytes = packed->core_bytes / 2 > packing->notes_end ? packed->core_bytes / 2 : packing->notes_end;
	cleanup_with(free_writer) struct archive *sink = archive_write_new();
	struct error *err;

	if (bytes > packing->head_bytes)
		bytes = packing->head_bytes;
	if (ftruncate(packing->out_fd, 0) != 0 || lseek(packing->out_fd, 0, SEEK_SET) != 0)
		return error_errno(errno, "cannot write the core");
	err = sink_open(sink, packing->out_fd) ?: sink_write(sink, packing->head, bytes);
	if (!err && archive_write_close(sink) != ARCHIVE_OK)
		err = sink_failure(sink);
	packed->core_bytes = bytes;
	return err;
}

/* Keeps what can be kept; consumes the failure, or returns it where nothing can. */
static struct error *make_do(struct packing *packing, struct error *failure, struct vault_packed *packed)
{
	struct error *err = NULL;

	if (!packing->head || !packing->head_bytes)
		return failure;
	packed->end = VAULT_PACK_FAILED;
	strncpy(packed->reason, failure->message, sizeof(packed->reason) - 1);
	if (!packing->is_sink_broken)
		err = close_sink(packing);
	if (packing->is_sink_broken) {
		archive_write_fail(packing->sink); /* it has nothing more to write when it is freed */
		error_destroy(err);
		err = pack_head(packing, packed);
	}
	error_destroy(err ? err : failure);
	return err ? failure : NULL;
}

struct error *vault_pack(int in_fd, int out_fd, bool foreign, const struct vault_pack_limits *limits,
			 struct vault_packed *ret_packed)
{
	cleanup_with(free_writer) struct archive *sink = archive_write_new();
	cleanup_free uint8_t *buffer = malloc(CHUNK_BYTES), *head = foreign ? NULL : malloc(HEAD_BYTES);
	struct packing packing = {.source.stop = limits->stop,
				  .sink = sink,
				  .out_fd = out_fd,
				  .limits = limits,
				  .buffer = buffer,
				  .head = head};
	struct vault_packed packed = {0};
	struct error *err;

	if (!buffer || (!foreign && !head))
		return &error_no_memory;
	err = source_open(&packing.source, in_fd, foreign)
		?: sink_open(sink, out_fd)
		?: pack_all(&packing, &packed)
		?: close_sink(&packing);
	if (err)
		err = make_do(&packing, err, &packed);
	free_reader(&packing.source.archive);
	if (err)
		return err;
	packed.has_notes = packing.notes_end && packed.core_bytes >= packing.notes_end;
	*ret_packed = packed;
	return NULL;
}
