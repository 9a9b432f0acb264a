/* SPDX-License-Identifier: MIT */
/* Packing: what there is is measured and summed first, because the manifest comes first; then it is written. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/elf/elf_file.h"
#include "bundle/bundle.h"
#include "bundle/extents.h"
#include "bundle/manifest.h"
#include "common/cleanup.h"
#include "common/output.h"
#include "common/vector.h"

#define CHUNK_BYTES (1u << 20)

/* Where a member's bytes come from; one for each of the manifest's members. */
struct source {
	const char *path;
	uint64_t device, inode;
	struct bundle_extents extents;
};

struct packing {
	const struct bundle_contents *contents;
	struct bundle_manifest manifest;
	struct source *sources; /* one for each of the manifest's members */
	size_t source_count;
	size_t other_count; /* files without a build-id */
	struct archive *archive;
	uint8_t *buffer;
	struct bundle_packed packed;
};

static void packing_deinit(struct packing *packing)
{
	for (size_t i = 0; i < packing->source_count; i++)
		bundle_extents_deinit(&packing->sources[i].extents);
	free(packing->sources);
	free(packing->buffer);
	archive_write_free(packing->archive);
	bundle_manifest_deinit(&packing->manifest);
}

/* ---- what goes in ---- */

static struct error *add_member(struct packing *packing, const char *name, const char *path, int fd)
{
	struct bundle_manifest *manifest = &packing->manifest;
	struct bundle_extents *extents;
	struct stat status;
	struct error *err;

	if (manifest->member_count >= MANIFEST_MEMBERS_MAX)
		return error_format(ERROR_UNSUPPORTED, "more than %d files", MANIFEST_MEMBERS_MAX);
	if (fstat(fd, &status) < 0)
		return error_errno(errno, "cannot read %s", path);
	err = array_push(packing->sources, packing->source_count,
			 (struct source){.path = path, .device = status.st_dev, .inode = status.st_ino});
	if (err)
		return err;
	extents = &packing->sources[packing->source_count - 1].extents;
	err = bundle_extents_read(fd, path, extents)
		      ?: array_push(manifest->members, manifest->member_count,
				    (struct bundle_member){.name = strdup(name),
							   .bytes = extents->file_bytes,
							   .stored = extents->stored,
							   .crc = extents->crc});
	if (err)
		return err;
	return manifest->members[manifest->member_count - 1].name ? NULL : &error_no_memory;
}

static struct error *add_content(struct packing *packing, const char *name, const char *path)
{
	cleanup_fd int fd = -1;

	if (!path)
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return error_errno(errno, "cannot open %s", path);
	return add_member(packing, name, path, fd);
}

static const struct bundle_member *find_member(const struct packing *packing, const char *name)
{
	for (size_t i = 0; i < packing->manifest.member_count; i++) {
		if (strcmp(packing->manifest.members[i].name, name) == 0)
			return &packing->manifest.members[i];
	}
	return NULL;
}

static const struct bundle_member *find_source(const struct packing *packing, const struct stat *status)
{
	for (size_t i = 0; i < packing->manifest.member_count; i++) {
		if (packing->sources[i].device == status->st_dev && packing->sources[i].inode == status->st_ino)
			return &packing->manifest.members[i];
	}
	return NULL;
}

static bool is_debug_file(const char *path)
{
	size_t length = strlen(path);

	return length > 6 && strcmp(path + length - 6, ".debug") == 0;
}

/* The first file of a build-id has its name; others (one stripped, one not) are numbered as those without one. */
static void name_file(struct packing *packing, int fd, const char *path, char *name, size_t size)
{
	uint8_t build_id[64];
	size_t length = elf_read_build_id(fd, build_id), used;

	if (length > 1) {
		used = (size_t)snprintf(name, size, "files/.build-id/%02x/", build_id[0]);
		for (size_t i = 1; i < length; i++)
			used += (size_t)snprintf(name + used, size - used, "%02x", build_id[i]);
		snprintf(name + used, size - used, "%s", is_debug_file(path) ? ".debug" : "");
		if (!find_member(packing, name))
			return;
	}
	snprintf(name, size, "files/other/%zu", packing->other_count++);
}

/* Finds or makes the member of a file that an explanation had a use for. */
static struct error *add_kept(struct packing *packing, const struct elf_host_entry *entry, char **ret_name)
{
	const struct elf_host_facts *facts = &entry->facts;
	const struct bundle_member *member;
	struct elf_host_facts now;
	cleanup_fd int fd = elf_host_open(NULL, entry->path, &now);
	struct stat status;
	char name[256];
	struct error *err = NULL;

	if (fd < 0)
		return error_errno(-fd, "cannot open %s", entry->path);
	if (now.inode != facts->inode || now.bytes != facts->bytes || now.modified_ns != facts->modified_ns)
		return error_format(ERROR_SYSTEM, "%s changed while it was packed", entry->path);
	if (fstat(fd, &status) < 0)
		return error_errno(errno, "cannot read %s", entry->path);
	member = find_source(packing, &status);
	if (!member) {
		name_file(packing, fd, entry->path, name, sizeof(name));
		err = add_member(packing, name, entry->path, fd);
		if (err)
			return err;
		member = &packing->manifest.members[packing->manifest.member_count - 1];
		packing->packed.file_count++;
		packing->packed.file_bytes += member->bytes;
	}
	*ret_name = strdup(member->name);
	return *ret_name ? NULL : &error_no_memory;
}

static struct error *add_looks(struct packing *packing)
{
	struct bundle_manifest *manifest = &packing->manifest;
	struct elf_host_entry *const *entries;
	size_t count;
	struct error *err = elf_host_entries(packing->contents->host, &entries, &count);

	if (err)
		return err;
	if (count > MANIFEST_LOOKS_MAX)
		return error_format(ERROR_UNSUPPORTED, "more than %d paths", MANIFEST_LOOKS_MAX);
	manifest->looks = calloc(count + 1, sizeof(*manifest->looks));
	if (!manifest->looks)
		return &error_no_memory;
	for (size_t i = 0; i < count && !err; i++) {
		struct elf_host_entry *look = &manifest->looks[manifest->look_count++];

		*look = *entries[i];
		look->content = NULL;
		look->path = strdup(entries[i]->path);
		if (!look->path)
			return &error_no_memory;
		if (look->kept && !look->error)
			err = add_kept(packing, entries[i], &look->content);
	}
	return err;
}

/* NULL stays NULL. */
static bool copy_text(char **copy, const char *text)
{
	*copy = text ? strdup(text) : NULL;
	return !text || *copy;
}

static struct error *describe(struct packing *packing)
{
	const struct bundle_contents *contents = packing->contents;
	struct bundle_manifest *manifest = &packing->manifest;
	struct elf_host_facts core;
	time_t now = time(NULL);
	struct utsname host;
	char made[32] = "";
	struct tm utc;

	if (gmtime_r(&now, &utc))
		strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ", &utc);
	if (uname(&host) < 0)
		return error_errno(errno, "cannot ask for the host's name");
	manifest->signal_id = contents->signal_id;
	manifest->exit_state_id = contents->exit_state_id;
	if (contents->core && elf_host_look(NULL, contents->core, &core) == 0)
		manifest->core_modified_ns = core.modified_ns;
	if (!copy_text(&manifest->corelate_version, CORELATE_VERSION) || !copy_text(&manifest->made, made) ||
	    !copy_text(&manifest->crash_id, contents->crash_id) || !copy_text(&manifest->host_name, host.nodename) ||
	    !copy_text(&manifest->kernel, host.release) || !copy_text(&manifest->machine, host.machine) ||
	    !copy_text(&manifest->boot_id, contents->boot_id) ||
	    !copy_text(&manifest->core_name, contents->core ? contents->core_name : NULL))
		return &error_no_memory;
	return NULL;
}

static struct error *gather(struct packing *packing)
{
	const struct bundle_contents *contents = packing->contents;
	struct error *err = describe(packing)
		?: add_content(packing, "report.json", contents->report_json)
		?: add_content(packing, "report.html", contents->report_html)
		?: add_content(packing, "record.db", contents->record)
		?: add_content(packing, "files/vdso", contents->vdso)
		?: add_looks(packing)
		?: add_content(packing, "core", contents->core);

	if (!err && contents->core) {
		const struct bundle_member *core = find_member(packing, "core");

		packing->packed.core_bytes = core->bytes;
		packing->packed.core_stored = core->stored;
	}
	return err;
}

/* ---- writing ---- */

/* libarchive says "Write error" and keeps the reason to itself. */
static struct error *write_failure(const struct packing *packing)
{
	int number = archive_errno(packing->archive);

	return error_format(ERROR_SYSTEM, "%s",
			    number > 0 ? strerror(number) : archive_error_string(packing->archive) ?: "unknown failure");
}

static struct error *put(struct packing *packing, const uint8_t *bytes, size_t size)
{
	while (size) {
		la_ssize_t done = archive_write_data(packing->archive, bytes, size);

		if (done <= 0)
			return write_failure(packing);
		bytes += done;
		size -= (size_t)done;
	}
	return NULL;
}

static void free_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

static struct error *put_header(struct packing *packing, const char *name, uint64_t bytes,
				const struct bundle_extents *extents)
{
	cleanup_with(free_entry) struct archive_entry *entry = archive_entry_new();

	if (!entry)
		return &error_no_memory;
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_size(entry, (la_int64_t)bytes);
	archive_entry_set_mtime(entry, time(NULL), 0);
	for (size_t i = 0; extents && extents->stored < bytes && i < extents->count; i++)
		archive_entry_sparse_add_entry(entry, (la_int64_t)extents->extents[i].offset,
					       (la_int64_t)extents->extents[i].bytes);
	return archive_write_header(packing->archive, entry) == ARCHIVE_OK ? NULL : write_failure(packing);
}

/* The archive wants the bytes of holes too, and leaves them out. */
static struct error *put_hole(struct packing *packing, uint64_t bytes)
{
	struct error *err = NULL;

	memset(packing->buffer, 0, CHUNK_BYTES);
	while (!err && bytes) {
		size_t size = bytes < CHUNK_BYTES ? (size_t)bytes : CHUNK_BYTES;

		err = put(packing, packing->buffer, size);
		bytes -= size;
	}
	return err;
}

static struct error *put_extent(struct packing *packing, const struct source *source, int fd,
				const struct bundle_extent *extent, struct bundle_sum *sum)
{
	uint64_t at = extent->offset, end = extent->offset + extent->bytes;
	struct error *err = NULL;

	while (!err && at < end) {
		size_t size = end - at < CHUNK_BYTES ? (size_t)(end - at) : CHUNK_BYTES;
		ssize_t got = pread(fd, packing->buffer, size, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(errno, "cannot read %s", source->path);
		if (got == 0)
			return error_format(ERROR_SYSTEM, "%s changed while it was packed", source->path);
		bundle_sum_add(sum, at, packing->buffer, (size_t)got);
		err = put(packing, packing->buffer, (size_t)got);
		at += (uint64_t)got;
	}
	return err;
}

static struct error *put_member(struct packing *packing, size_t index)
{
	const struct bundle_member *member = &packing->manifest.members[index];
	const struct source *source = &packing->sources[index];
	const struct bundle_extents *extents = &source->extents;
	cleanup_fd int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct bundle_sum sum = {0};
	uint64_t at = 0;
	struct error *err;

	if (fd < 0)
		return error_errno(errno, "cannot open %s", source->path);
	err = put_header(packing, member->name, member->bytes, extents);
	for (size_t i = 0; !err && i < extents->count; i++) {
		const struct bundle_extent *extent = &extents->extents[i];

		err = put_hole(packing, extent->offset - at) ?: put_extent(packing, source, fd, extent, &sum);
		at = extent->offset + extent->bytes;
	}
	err = err ?: put_hole(packing, member->bytes - at);
	if (err || sum.crc == member->crc)
		return err;
	return error_format(ERROR_SYSTEM, "%s changed while it was packed", source->path);
}

static struct error *put_manifest(struct packing *packing)
{
	cleanup_free char *text = NULL;
	struct error *err = bundle_manifest_format(&packing->manifest, &text);

	if (!err && strlen(text) > MANIFEST_BYTES_MAX)
		err = error_format(ERROR_UNSUPPORTED, "its manifest would be larger than %u bytes", MANIFEST_BYTES_MAX);
	return err
		?: put_header(packing, MANIFEST_NAME, strlen(text), NULL)
		?: put(packing, (const uint8_t *)text, strlen(text));
}

static struct error *put_all(struct packing *packing, int fd)
{
	struct error *err;

	packing->archive = archive_write_new();
	packing->buffer = malloc(CHUNK_BYTES);
	if (!packing->archive || !packing->buffer)
		return &error_no_memory;
	if (archive_write_set_format_pax_restricted(packing->archive) != ARCHIVE_OK ||
	    archive_write_add_filter_zstd(packing->archive) != ARCHIVE_OK ||
	    /* A device gets no padding either: it would not be zstd. */
	    archive_write_set_bytes_in_last_block(packing->archive, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(packing->archive, fd) != ARCHIVE_OK)
		return write_failure(packing);
	err = put_manifest(packing);
	for (size_t i = 0; !err && i < packing->manifest.member_count; i++)
		err = put_member(packing, i);
	if (err)
		return err;
	if (archive_write_close(packing->archive) != ARCHIVE_OK)
		return write_failure(packing);
	packing->packed.bytes = (uint64_t)archive_filter_bytes(packing->archive, -1);
	return NULL;
}

struct error *bundle_pack(const struct bundle_contents *contents, const char *path, struct bundle_packed *ret_packed)
{
	cleanup_with(packing_deinit) struct packing packing = {.contents = contents};
	struct output output;
	struct error *err = output_open(path, /* is_private= */ true, &output);

	if (err)
		return err;
	err = gather(&packing);
	for (size_t i = 0; !err && i < packing.manifest.member_count; i++) {
		if (output.device == packing.sources[i].device && output.inode == packing.sources[i].inode)
			err = error_format(ERROR_INVALID, "it is to hold that file itself");
	}
	err = err ?: put_all(&packing, output.fd);
	err = err ? error_prefix(err, "cannot write %s", path) : output_commit(&output);
	output_deinit(&output);
	if (!err)
		*ret_packed = packing.packed;
	return err;
}
