/* SPDX-License-Identifier: MIT */
/* Opening a bundle: only what the manifest lists, in the sizes that it says, into a private directory. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bundle/bundle.h"
#include "bundle/extents.h"
#include "bundle/manifest.h"
#include "common/cleanup.h"

#define READ_BYTES (256u << 10)
/* No file is larger, holes included: ext4's largest. */
#define MEMBER_BYTES_MAX (1ULL << 44)
/* What a bundle may unpack to, holes not counted: this much, and as many times its own size. Memory that repeats itself
 * packs well; a bundle that packs better than that is a bomb. */
#define UNPACKED_BYTES_FREE (4ULL << 30)
#define UNPACKED_TIMES 250
/* The file system that it is unpacked to is left with this much. */
#define ROOM_KEPT_BYTES (64u << 20)

struct unpacking {
	const char *path;
	uint64_t packed_bytes; /* of the bundle */
	struct archive *archive;
	struct bundle_manifest manifest;
	bool *seen; /* for each member */
	int room_fd;
	struct bundle *bundle;
};

static void free_archive(struct archive **archive)
{
	archive_read_free(*archive);
}

/* Not by one that is a FIFO: it would wait. */
static int open_regular(const char *path, uint64_t *ret_bytes)
{
	struct elf_host_facts facts;
	int fd = elf_host_open(NULL, path, &facts);

	if (fd >= 0)
		*ret_bytes = facts.bytes;
	return fd;
}

static struct archive *open_archive(int fd)
{
	struct archive *archive = archive_read_new();

	if (archive && archive_read_support_filter_zstd(archive) == ARCHIVE_OK &&
	    archive_read_support_format_tar(archive) == ARCHIVE_OK &&
	    archive_read_open_fd(archive, fd, READ_BYTES) == ARCHIVE_OK)
		return archive;
	archive_read_free(archive);
	return NULL;
}

/* ---- is it one? ---- */

static bool has_suffix(const char *path)
{
	size_t length = strlen(path), suffix = sizeof(BUNDLE_SUFFIX) - 1;

	return length > suffix && strcmp(path + length - suffix, BUNDLE_SUFFIX) == 0;
}

bool bundle_recognise(const char *path)
{
	static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd}; /* RFC 8878 */
	cleanup_with(free_archive) struct archive *archive = NULL;
	struct archive_entry *entry;
	cleanup_fd int fd = -1;
	uint8_t bytes[4];
	uint64_t size;
	const char *name;

	fd = open_regular(path, &size);
	if (fd < 0)
		return false;
	if (has_suffix(path))
		return true;
	if (pread(fd, bytes, sizeof(bytes), 0) != sizeof(bytes) || memcmp(bytes, magic, sizeof(bytes)) != 0)
		return false;
	archive = open_archive(fd);
	if (!archive || archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return false;
	name = archive_entry_pathname(entry);
	return name && strcmp(name, MANIFEST_NAME) == 0;
}

/* ---- the manifest ---- */

static struct error *read_failure(struct unpacking *unpacking)
{
	return error_format(ERROR_INVALID, "damaged: %s",
			    archive_error_string(unpacking->archive) ?: "it cannot be unpacked");
}

static struct error *read_manifest(struct unpacking *unpacking)
{
	cleanup_free char *text = NULL;
	struct archive_entry *entry;
	la_int64_t bytes;
	const char *name;

	if (archive_read_next_header(unpacking->archive, &entry) != ARCHIVE_OK)
		return read_failure(unpacking);
	name = archive_entry_pathname(entry);
	bytes = archive_entry_size(entry);
	if (!name || strcmp(name, MANIFEST_NAME) != 0 || archive_entry_filetype(entry) != AE_IFREG || bytes < 0 ||
	    bytes > MANIFEST_BYTES_MAX)
		return error_format(ERROR_INVALID, "not a bundle: it does not begin with a " MANIFEST_NAME);
	text = malloc((size_t)bytes + 1);
	if (!text)
		return &error_no_memory;
	if (archive_read_data(unpacking->archive, text, (size_t)bytes) != bytes)
		return read_failure(unpacking);
	return bundle_manifest_parse(text, (size_t)bytes, &unpacking->manifest);
}

static bool is_unpacked(const char *name)
{
	enum bundle_member_kind kind = bundle_member_kind(name);

	return kind != MEMBER_UNKNOWN && kind != MEMBER_REPORT;
}

static struct error *check_sizes(const struct unpacking *unpacking)
{
	const struct bundle_manifest *manifest = &unpacking->manifest;
	uint64_t most = UNPACKED_BYTES_FREE + UNPACKED_TIMES * unpacking->packed_bytes, all = 0, free_bytes;
	struct statvfs status;

	for (size_t i = 0; i < manifest->member_count; i++) {
		const struct bundle_member *member = &manifest->members[i];

		if (member->bytes > MEMBER_BYTES_MAX || member->stored > most - all)
			return error_format(ERROR_INVALID,
					    "it would unpack to more than %" PRIu64
					    " bytes, too much for its own %" PRIu64,
					    most, unpacking->packed_bytes);
		all += member->stored;
	}
	if (fstatvfs(unpacking->room_fd, &status) < 0)
		return NULL;
	free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	if (free_bytes < ROOM_KEPT_BYTES || all > free_bytes - ROOM_KEPT_BYTES)
		return error_format(ERROR_SYSTEM,
				    "no room to unpack its %" PRIu64 " bytes beside %s (TMPDIR may name another "
				    "directory)",
				    all, bundle_room_path(unpacking->bundle->room));
	return NULL;
}

/* ---- the members ---- */

static struct bundle_member *take_member(struct unpacking *unpacking, const char *name)
{
	struct bundle_manifest *manifest = &unpacking->manifest;

	for (size_t i = 0; name && i < manifest->member_count; i++) {
		if (!unpacking->seen[i] && strcmp(manifest->members[i].name, name) == 0) {
			unpacking->seen[i] = true;
			return &manifest->members[i];
		}
	}
	return NULL;
}

/* Makes the directories of a member's name, which is one of the known shapes. */
static struct error *make_directories(const struct unpacking *unpacking, const char *name)
{
	char path[256];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(slash - name), name);
		if (mkdirat(unpacking->room_fd, path, 0700) < 0 && errno != EEXIST)
			return error_format(ERROR_SYSTEM, "cannot unpack %s: %s", name, strerror(errno));
	}
	return NULL;
}

static struct error *write_all(int fd, const char *name, const uint8_t *bytes, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t done = pwrite(fd, bytes, size, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return error_format(ERROR_SYSTEM, "cannot unpack %s: %s", name, strerror(errno));
		bytes += done;
		size -= (size_t)done;
		offset += (uint64_t)done;
	}
	return NULL;
}

/* To `fd`, or (-1) nowhere. */
static struct error *read_data(struct unpacking *unpacking, const struct bundle_member *member, int fd)
{
	struct bundle_sum sum = {0};
	struct error *err = NULL;

	while (!err) {
		const void *block;
		la_int64_t offset;
		size_t size;
		int status = archive_read_data_block(unpacking->archive, &block, &size, &offset);

		if (status == ARCHIVE_EOF)
			break;
		if (status != ARCHIVE_OK)
			return read_failure(unpacking);
		if (offset < 0 || (uint64_t)offset > member->bytes || size > member->bytes - (uint64_t)offset ||
		    size > member->stored - sum.stored)
			return error_format(ERROR_INVALID, "damaged: %s is larger than its " MANIFEST_NAME " says",
					    member->name);
		bundle_sum_add(&sum, (uint64_t)offset, block, size);
		if (fd >= 0)
			err = write_all(fd, member->name, block, size, (uint64_t)offset);
	}
	if (err)
		return err;
	if (sum.stored != member->stored || sum.crc != member->crc)
		return error_format(ERROR_INVALID, "damaged: %s is not what was packed", member->name);
	if (fd >= 0 && ftruncate(fd, (off_t)member->bytes) < 0)
		return error_format(ERROR_SYSTEM, "cannot unpack %s: %s", member->name, strerror(errno));
	return NULL;
}

static struct error *unpack_member(struct unpacking *unpacking, struct archive_entry *entry)
{
	struct bundle_member *member = take_member(unpacking, archive_entry_pathname(entry));
	cleanup_fd int fd = -1;
	struct error *err;

	if (!member || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
	    archive_entry_symlink(entry))
		return error_format(ERROR_INVALID,
				    "damaged: it holds something that its " MANIFEST_NAME " does not tell of");
	if (archive_entry_size(entry) != (la_int64_t)member->bytes)
		return error_format(ERROR_INVALID, "damaged: %s has another size than its " MANIFEST_NAME " says",
				    member->name);
	if (!is_unpacked(member->name))
		return read_data(unpacking, member, -1);
	err = make_directories(unpacking, member->name);
	if (err)
		return err;
	fd = openat(unpacking->room_fd, member->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_format(ERROR_SYSTEM, "cannot unpack %s: %s", member->name, strerror(errno));
	err = read_data(unpacking, member, fd);
	/* Whether a file changed after the core was written is told by their times. */
	if (!err && strcmp(member->name, "core") == 0) {
		int64_t modified_ns = unpacking->manifest.core_modified_ns;
		const struct timespec time = {modified_ns / 1000000000, modified_ns % 1000000000};
		const struct timespec times[] = {time, time};

		if (modified_ns > 0)
			futimens(fd, times);
	}
	return err;
}

static struct error *unpack_all(struct unpacking *unpacking)
{
	struct archive_entry *entry;
	struct error *err = NULL;
	int status = ARCHIVE_OK;

	while (!err && (status = archive_read_next_header(unpacking->archive, &entry)) == ARCHIVE_OK)
		err = unpack_member(unpacking, entry);
	if (err)
		return err;
	if (status != ARCHIVE_EOF)
		return read_failure(unpacking);
	for (size_t i = 0; i < unpacking->manifest.member_count; i++) {
		if (!unpacking->seen[i])
			return error_format(ERROR_INVALID, "damaged: %s is missing",
					    unpacking->manifest.members[i].name);
	}
	return NULL;
}

/* ---- the whole ---- */

/* The path of a member in the room; NULL in *ret_path when there is none. */
static struct error *place_of(const struct unpacking *unpacking, const char *name, char **ret_path)
{
	const struct bundle_manifest *manifest = &unpacking->manifest;
	bool there = false;

	*ret_path = NULL;
	for (size_t i = 0; i < manifest->member_count; i++)
		there |= strcmp(manifest->members[i].name, name) == 0;
	if (there && asprintf(ret_path, "%s/%s", bundle_room_path(unpacking->bundle->room), name) < 0) {
		*ret_path = NULL;
		return &error_no_memory;
	}
	return NULL;
}

static struct error *tell_host(struct unpacking *unpacking)
{
	struct bundle *bundle = unpacking->bundle;
	cleanup_free char *vdso = NULL;
	struct error *err = elf_host_create_told(&bundle->host);

	for (size_t i = 0; !err && i < unpacking->manifest.look_count; i++) {
		struct elf_host_entry look = unpacking->manifest.looks[i];
		cleanup_free char *content = NULL;

		if (look.content)
			err = place_of(unpacking, look.content, &content);
		look.content = content;
		err = err ?: elf_host_tell(bundle->host, &look);
	}
	err = err ?: place_of(unpacking, "files/vdso", &vdso);
	return !err && vdso ? elf_host_tell_vdso(bundle->host, vdso) : err;
}

static struct error *unpack(struct unpacking *unpacking)
{
	struct bundle *bundle = unpacking->bundle;
	struct error *err = read_manifest(unpacking) ?: bundle_room_create(&bundle->room);

	if (err)
		return err;
	unpacking->room_fd = open(bundle_room_path(bundle->room), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unpacking->seen = calloc(unpacking->manifest.member_count + 1, sizeof(*unpacking->seen));
	if (!unpacking->seen)
		return &error_no_memory;
	if (unpacking->room_fd < 0)
		return error_errno(errno, "%s", bundle_room_path(bundle->room));
	err = check_sizes(unpacking)
		?: unpack_all(unpacking)
		?: tell_host(unpacking)
		?: place_of(unpacking, "core", &bundle->core)
		?: place_of(unpacking, "record.db", &bundle->record);
	if (err)
		return err;
	bundle->crash_id = take_pointer(unpacking->manifest.crash_id);
	bundle->signal_id = unpacking->manifest.signal_id;
	bundle->exit_state_id = unpacking->manifest.exit_state_id;
	return NULL;
}

struct error *bundle_open(const char *path, struct bundle **ret_bundle)
{
	struct unpacking unpacking = {.path = path, .room_fd = -1};
	cleanup_with(free_archive) struct archive *archive = NULL;
	cleanup_fd int fd = open_regular(path, &unpacking.packed_bytes);
	struct error *err;

	if (fd < 0)
		return error_errno(-fd, "cannot open %s", path);
	unpacking.bundle = calloc(1, sizeof(*unpacking.bundle));
	if (!unpacking.bundle)
		return &error_no_memory;
	archive = unpacking.archive = open_archive(fd);
	err = archive ? unpack(&unpacking) : error_format(ERROR_INVALID, "not a bundle: not a tar archive in zstd");
	cleanup_close_fd(&unpacking.room_fd);
	free(unpacking.seen);
	bundle_manifest_deinit(&unpacking.manifest);
	if (err) {
		bundle_close(unpacking.bundle);
		return error_prefix(err, "%s", path);
	}
	*ret_bundle = unpacking.bundle;
	return NULL;
}

void bundle_close(struct bundle *bundle)
{
	if (!bundle)
		return;
	elf_host_destroy(bundle->host);
	bundle_room_destroy(bundle->room);
	free(bundle->crash_id);
	free(bundle->core);
	free(bundle->record);
	free(bundle);
}
