/* SPDX-License-Identifier: MIT */
/*
 * manifest.json:
 *
 *   { "format": "corelate-bundle", "version": 1, "corelate_version", "made", "crash_id",
 *     "host": { "name", "kernel", "machine", "boot_id" },
 *     "core": null or { "name", "modified_ns" },
 *     "signal_id", "exit_state_id",
 *     "members": [ { "name", "bytes", "stored", "crc32" } ],
 *     "looks": [ { "path", "error" } or { "path", "regular", "device": [major, minor], "inode", "bytes", "modified_ns",
 *                  "changed_ns", "member" } ] }
 *
 * "looks" are the paths of the host that an explanation asked for: elf_host.h. "stored" is how many bytes of a member
 * are no hole; its crc32 (zlib's, eight hexadecimal digits) is over these, and over the offset (eight bytes, lowest
 * first) before each run of them that does not begin at 0: of a file without holes it is that of the file. It finds
 * damage; it proves nothing. Paths are bytes: those that are not printable ASCII, and '%', are %XX.
 */
#ifndef BUNDLE_MANIFEST_H
#define BUNDLE_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/elf/elf_host.h"
#include "common/error.h"

#define BUNDLE_VERSION 1
#define MANIFEST_NAME "manifest.json"
#define MANIFEST_BYTES_MAX (64u << 20)
#define MANIFEST_MEMBERS_MAX 65536
#define MANIFEST_LOOKS_MAX 262144

struct bundle_member {
	char *name;
	uint64_t bytes, stored;
	uint32_t crc;
};

struct bundle_manifest {
	char *corelate_version, *made, *crash_id;
	char *host_name, *kernel, *machine;
	char *boot_id;	 /* NULL: not known */
	char *core_name; /* NULL: no core */
	int64_t core_modified_ns;
	int64_t signal_id, exit_state_id;
	struct bundle_member *members;
	size_t member_count;
	struct elf_host_entry *looks; /* `content` is a member's name */
	size_t look_count;
};

void bundle_manifest_deinit(struct bundle_manifest *manifest);

/* JSON text that the caller frees. */
struct error *bundle_manifest_format(const struct bundle_manifest *manifest, char **ret_text) must_check;

/* ERROR_INVALID: not a manifest, or one whose numbers make no sense; ERROR_UNSUPPORTED: of a newer version. */
struct error *bundle_manifest_parse(const char *text, size_t bytes, struct bundle_manifest *ret) must_check;

/* What a member's name says that it is; MEMBER_UNKNOWN is what this version does not unpack. */
enum bundle_member_kind { MEMBER_UNKNOWN, MEMBER_REPORT, MEMBER_RECORD, MEMBER_CORE, MEMBER_VDSO, MEMBER_FILE };
enum bundle_member_kind bundle_member_kind(const char *name);

#endif
