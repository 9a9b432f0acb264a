/* SPDX-License-Identifier: MIT */
/* A core's way out of core.zst, into a nameless file with holes. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "vault/vault_internal.h"

#define PAGE_BYTES 4096u
#define READ_BYTES (256u << 10)
/* The file system that it is unpacked to is left with this much; asked once for so many bytes written. */
#define ROOM_KEPT_BYTES (64u << 20)
#define ROOM_EVERY_BYTES (16u << 20)

static void free_archive(struct archive **archive)
{
	archive_read_free(*archive);
}

static const char *temporary_directory(void)
{
	const char *directory = getenv("TMPDIR");

	return directory && directory[0] == '/' ? directory : "/var/tmp";
}

static struct error *open_nameless(int *ret_fd)
{
	const char *directory = temporary_directory();
	cleanup_free char *name = NULL;
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	/* Not every file system can. */
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		if (asprintf(&name, "%s/corelate-XXXXXX", directory) < 0) {
			name = NULL;
			return &error_no_memory;
		}
		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			unlink(name);
	}
	if (fd < 0)
		return error_format(ERROR_SYSTEM, "cannot unpack into %s: %s", directory, strerror(errno));
	*ret_fd = fd;
	return NULL;
}

struct unpacking {
	int fd;
	uint64_t bytes;	  /* how many there must be, or with `is_foreign` may be */
	bool is_foreign;  /* nobody has said how many there are */
	uint64_t end;	  /* how many there were */
	uint64_t written; /* of those, not holes */
	uint64_t most_written, packed_bytes;
	uint64_t room_asked_at;
};

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static struct error *check_room(struct unpacking *unpacking, size_t more)
{
	struct statvfs status;

	if (more > unpacking->most_written - unpacking->written)
		return error_format(ERROR_INVALID,
				    "would unpack to more than %llu bytes, too much for its own %llu; if it is to be "
				    "trusted, unpack it first",
				    (unsigned long long)unpacking->most_written,
				    (unsigned long long)unpacking->packed_bytes);
	if (unpacking->written < unpacking->room_asked_at)
		return NULL;
	unpacking->room_asked_at = unpacking->written + ROOM_EVERY_BYTES;
	if (fstatvfs(unpacking->fd, &status) == 0 &&
	    (uint64_t)status.f_bavail * status.f_frsize < (uint64_t)ROOM_KEPT_BYTES + ROOM_EVERY_BYTES)
		return error_format(ERROR_SYSTEM,
				    "no room in %s to unpack a core, of which there are %llu bytes by now (TMPDIR may name "
				    "another directory)",
				    temporary_directory(), (unsigned long long)unpacking->written);
	return NULL;
}

static struct error *write_at(struct unpacking *unpacking, const uint8_t *bytes, size_t size, uint64_t offset)
{
	struct error *err = check_room(unpacking, size);

	while (!err && size) {
		ssize_t put = pwrite(unpacking->fd, bytes, size, (off_t)offset);

		if (put > 0) {
			bytes += put;
			size -= (size_t)put;
			offset += (uint64_t)put;
			unpacking->written += (uint64_t)put;
		} else if (put == 0 || errno != EINTR) {
			err = error_format(ERROR_SYSTEM, "cannot unpack into %s: %s", temporary_directory(),
					   strerror(errno));
		}
	}
	return err;
}

/* Pages of zeros become holes; runs of others are written at once. */
static struct error *write_sparse(struct unpacking *unpacking, const uint8_t *bytes, size_t size, uint64_t offset)
{
	while (size) {
		size_t run = 0;
		struct error *err;
		bool zero;

		do {
			/* Up to the next page of the file. */
			size_t piece = PAGE_BYTES - (offset + run) % PAGE_BYTES;

			piece = piece < size - run ? piece : size - run;
			zero = is_zero(bytes + run, piece);
			if (zero && run)
				break;
			run += piece;
		} while (!zero && run < size);
		err = zero && is_zero(bytes, run) ? NULL : write_at(unpacking, bytes, run, offset);
		if (err)
			return err;
		bytes += run;
		size -= run;
		offset += run;
	}
	return NULL;
}

static struct error *unpack_all(struct unpacking *unpacking, struct archive *archive)
{
	for (;;) {
		const void *block;
		la_int64_t offset;
		size_t size;
		int status = archive_read_data_block(archive, &block, &size, &offset);
		struct error *err;

		if (status == ARCHIVE_EOF)
			break;
		if (status != ARCHIVE_OK)
			return error_format(ERROR_INVALID, "cannot unpack: %s",
					    archive_error_string(archive) ?: "unknown failure");
		if (offset < 0 || (uint64_t)offset > unpacking->bytes || size > unpacking->bytes - (uint64_t)offset)
			return error_format(ERROR_INVALID, "holds more than %llu bytes",
					    (unsigned long long)unpacking->bytes);
		err = write_sparse(unpacking, block, size, (uint64_t)offset);
		if (err)
			return err;
		unpacking->end = (uint64_t)offset + size;
	}
	if (unpacking->is_foreign)
		unpacking->bytes = unpacking->end;
	if (unpacking->end != unpacking->bytes)
		return error_format(ERROR_INVALID, "holds %llu bytes, not the %llu that were kept",
				    (unsigned long long)unpacking->end, (unsigned long long)unpacking->bytes);
	if (ftruncate(unpacking->fd, (off_t)unpacking->bytes) != 0)
		return error_format(ERROR_SYSTEM, "cannot unpack into %s: %s", temporary_directory(), strerror(errno));
	return NULL;
}

static struct error *unpack(int in_fd, struct archive *archive, struct unpacking *unpacking, int *ret_fd)
{
	cleanup_fd int fd = -1;
	struct stat status;
	struct error *err = open_nameless(&fd);

	if (err)
		return err;
	unpacking->fd = fd;
	err = unpack_all(unpacking, archive);
	if (err)
		return err;
	/* As old as what it comes from: age tells whether mapped files were changed since. */
	if (fstat(in_fd, &status) == 0)
		futimens(fd, (struct timespec[]){{.tv_nsec = UTIME_OMIT}, status.st_mtim});
	*ret_fd = take_fd(&fd);
	return NULL;
}

/* Raw bytes pass through a reader of compressed ones, too: *ret_filter tells. */
static struct error *open_archive(struct archive *archive, int in_fd, int *ret_filter)
{
	struct archive_entry *entry;

	archive_read_support_format_raw(archive);
	if (archive_read_open_fd(archive, in_fd, READ_BYTES) != ARCHIVE_OK ||
	    archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return error_format(ERROR_INVALID, "cannot unpack: %s",
				    archive_error_string(archive) ?: "unknown failure");
	*ret_filter = archive_filter_code(archive, 0);
	return NULL;
}

void vault_support_filters(struct archive *archive)
{
	archive_read_support_filter_zstd(archive);
	archive_read_support_filter_lz4(archive);
	archive_read_support_filter_xz(archive);
	archive_read_support_filter_gzip(archive);
	archive_read_support_filter_bzip2(archive);
}

struct error *vault_unpack(int in_fd, uint64_t bytes, int *ret_fd)
{
	cleanup_with(free_archive) struct archive *archive = archive_read_new();
	struct unpacking unpacking = {.bytes = bytes, .most_written = bytes};
	struct error *err;
	int filter;

	if (!archive)
		return &error_no_memory;
	archive_read_support_filter_zstd(archive);
	err = open_archive(archive, in_fd, &filter);
	if (!err && filter != ARCHIVE_FILTER_ZSTD)
		err = error_format(ERROR_INVALID, "is not compressed by zstd");
	return err ?: unpack(in_fd, archive, &unpacking, ret_fd);
}

struct error *vault_unpack_foreign(int in_fd, int *ret_fd)
{
	cleanup_with(free_archive) struct archive *archive = archive_read_new();
	struct unpacking unpacking = {.bytes = VAULT_FOREIGN_BYTES_MAX, .is_foreign = true};
	struct error *err;
	struct stat status;
	int filter;

	if (!archive)
		return &error_no_memory;
	if (fstat(in_fd, &status) != 0)
		return error_format(ERROR_SYSTEM, "cannot unpack: %s", strerror(errno));
	unpacking.packed_bytes = (uint64_t)status.st_size;
	unpacking.most_written = unpacking.packed_bytes > VAULT_FOREIGN_BYTES_MAX / VAULT_FOREIGN_TIMES
					 ? VAULT_FOREIGN_BYTES_MAX
					 : VAULT_FOREIGN_BYTES_FREE + VAULT_FOREIGN_TIMES * unpacking.packed_bytes;
	vault_support_filters(archive);
	err = open_archive(archive, in_fd, &filter);
	if (!err && filter == ARCHIVE_FILTER_NONE)
		err = error_format(ERROR_UNSUPPORTED, "is not compressed");
	return err ?: unpack(in_fd, archive, &unpacking, ret_fd);
}
