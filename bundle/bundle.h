/* SPDX-License-Identifier: MIT */
/*
 * A bundle: one crash as one file, that can be explained on another machine with the same answer. It is a tar archive
 * compressed with zstd (`tar --zstd -tf FILE` lists it). Its members, in this order:
 *
 *   manifest.json          what it is, of which host, what it holds (bundle/manifest.h)
 *   report.json            the explanation, made where the crash was
 *   report.html
 *   record.db              what was recorded of the process: a store of its own
 *   files/.build-id/xx/…   the programs and libraries by build-id, as GDB's debug-file-directory has them; separate
 *                          debug files end in ".debug"
 *   files/other/N          those without a build-id
 *   files/vdso             the kernel's, when the core does not show it
 *   core                   with its holes
 *
 * All but the first may be missing. The manifest tells every path of the host that an explanation asked for and what it
 * found there, from which a told elf_host is made: on the other machine no file of that machine is looked at.
 *
 * Whoever opens a bundle takes everything in it for a lie. Only members of these names are unpacked, as regular files,
 * into a private directory; no more than the manifest says, no more than there is room for. The directory goes with the
 * process, however that ends: a child waits for that.
 *
 * Knows nothing of causes, verbs or the store's contents.
 */
#ifndef BUNDLE_BUNDLE_H
#define BUNDLE_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/elf/elf_host.h"
#include "common/cleanup.h"
#include "common/error.h"

/* The suffix that bundles should have. */
#define BUNDLE_SUFFIX ".corelate"

/* ---- a private directory ---- */

struct bundle_room;

/* A new directory (0700) in $TMPDIR when that is absolute, else in /var/tmp. It and all in it go with the room, or with
 * the process however that ends. */
struct error *bundle_room_create(struct bundle_room **ret_room) must_check;
void bundle_room_destroy(struct bundle_room *room);
DEFINE_CLEANUP(struct bundle_room, bundle_room_destroy)
/* Belongs to the room. */
const char *bundle_room_path(const struct bundle_room *room);

/* ---- packing ---- */

/* Paths are of this machine; NULL for what is not to be in it. */
struct bundle_contents {
	const char *crash_id;
	struct elf_host *host; /* watched while the crash was explained */
	const char *core;      /* to open */
	const char *core_name; /* what it is called */
	const char *record;    /* an extract of the store */
	const char *report_json;
	const char *report_html;
	const char *vdso;
	const char *boot_id; /* of the recording; NULL: not recorded */
	int64_t signal_id;   /* of the recorded death; 0 */
	int64_t exit_state_id;
};

struct bundle_packed {
	uint64_t bytes;	      /* of the bundle */
	uint64_t core_bytes;  /* of the core, and how much of it is no hole */
	uint64_t core_stored; /* likewise */
	uint64_t file_count;  /* programs, libraries, debug files */
	uint64_t file_bytes;
};

/* Writes the bundle to `path`, by the rule of common/output.h: whole or not at all, mode 0600. A file that changed
 * since it was looked at is an error. */
struct error *bundle_pack(const struct bundle_contents *contents, const char *path,
			  struct bundle_packed *ret_packed) must_check;

/* ---- opening ---- */

struct bundle {
	char *crash_id;
	char *core;   /* unpacked; NULL when it has none */
	char *record; /* likewise */
	int64_t signal_id, exit_state_id;
	struct elf_host *host; /* told */
	struct bundle_room *room;
};

/* Is it one, by its first bytes? Those of a damaged one may not tell: then its suffix does. Anything that cannot be
 * read is none. */
bool bundle_recognise(const char *path);

/* ERROR_INVALID: not a bundle, damaged, or one that means harm; ERROR_UNSUPPORTED: of a newer version; ERROR_SYSTEM: no
 * room. The message names the path. Nothing is left then. */
struct error *bundle_open(const char *path, struct bundle **ret_bundle) must_check;
void bundle_close(struct bundle *bundle);
DEFINE_CLEANUP(struct bundle, bundle_close)

/* A directory in the bundle's room in which its files lie at the paths that the dead process knew, as a debugger wants
 * them; debug files are in its usr/lib/debug, libraries by their sonames also in its solib. The path is the caller's;
 * the directory goes with the bundle. */
struct error *bundle_make_sysroot(struct bundle *bundle, char **ret_path) must_check;

#endif
