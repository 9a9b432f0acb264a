/* SPDX-License-Identifier: MIT */
/*
 * The vault: crashes that are kept on disk. One directory holds one directory a crash, the entry:
 *
 *   VAULT/20261122-051200-1234-9f3a61c2/   date and time of the death (UTC), pid, eight random hexadecimal digits
 *         crash.json    who died, when, of what: struct vault_crash; written once
 *         core.zst      the core, one zstd frame, or `core`, the core as it is; neither where none was kept
 *         report.json   the explanation, when there is one (analyzer/report/report.schema.json)
 *
 * Directories are 0700 and files 0600, of whoever made them. An entry is made as a draft (".draft-…", which no listing
 * shows) and renamed into place when it is whole and on the disk, so that an entry that is seen is complete; a machine
 * that stops in between leaves a draft, which vault_prune() takes away a day later. Nothing in an entry changes but
 * report.json, which is replaced as a whole. Readers and writers need no lock.
 *
 * Whoever reads takes everything in an entry for a lie: names are looked up inside the opened directory without
 * following links, only regular files are opened, sizes and types are checked. An entry that makes no sense is listed
 * with its `problem` and harms no other.
 *
 * Sizes are bytes, times nanoseconds. Strings of struct vault_crash are UTF-8 without NUL; what was not UTF-8 has
 * become U+FFFD. They may hold control characters: print them with inert_write(). Knows nothing of ELF, SQL, or causes.
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

#define VAULT_FORMAT 1

/* An opened vault. */
struct vault;

/* paths_vault() tells the usual directory. With `create` it is made (0700, and its parents 0755) when missing. Errors:
 * ERROR_NOT_FOUND, ERROR_PERMISSION, ERROR_INVALID (not a directory), ERROR_SYSTEM. */
struct error *vault_open(const char *directory, bool create, struct vault **ret_vault) must_check;
void vault_destroy(struct vault *vault);
DEFINE_CLEANUP(struct vault, vault_destroy)
/* Belongs to the vault. */
const char *vault_path(const struct vault *vault);

/* ---- what is known of a crash without its core: crash.json ---- */

enum vault_source {
	VAULT_CAPTURE, /* "capture": corelate's own core_pattern handler */
	VAULT_SYSTEMD, /* "systemd-coredump" */
};

/* pid, tid, uid, gid are of the initial namespace. Zero, false and NULL say that it is not known. */
struct vault_crash {
	enum vault_source source;
	char *origin; /* of an import: what it was made from, so that it is imported once (a journal cursor, a path) */
	char boot_id[37];
	uint32_t pid, tid;
	uint32_t namespace_pid, namespace_tid; /* as the process itself saw them; its core has these */
	uint32_t uid, gid;
	int32_t signal;
	int64_t time_ns;       /* CLOCK_REALTIME of the death */
	uint64_t boot_time_ns; /* the same by CLOCK_BOOTTIME */
	char *comm;	       /* of the process */
	char *thread_comm;     /* of the thread that died */
	char *exe;	       /* path in its own mount namespace */
	char *cmdline;	       /* arguments, separated by blanks */
	char *cgroup;	       /* of cgroup v2: "/system.slice/nginx.service" */
	char *hostname;
	/* Words of the auxiliary vector: what ASLR made unique. They are those of its core and of its `space` row. */
	bool has_auxv;
	uint64_t auxv_sysinfo_ehdr, auxv_random, auxv_entry, auxv_base;
	uint64_t core_bytes;   /* of the core when unpacked; 0: there is none */
	uint64_t stored_bytes; /* of core.zst or core */
	bool truncated;	       /* the core was cut short */
	bool core_gone;	       /* there had been a core, which was there no more when this was imported */
	char *note;	       /* why there is no core, or not all of it: a sentence */
};

void vault_crash_deinit(struct vault_crash *crash);

/* ---- entries ---- */

struct vault_entry {
	char *name;		  /* of its directory; the entry's id */
	struct vault_crash crash; /* all zero when there is a problem */
	uint64_t disk_bytes;	  /* what the entry takes on the disk (blocks) */
	bool has_core;		  /* there is a file core.zst or core, and the metadata speak of it */
	bool has_report;
	char *problem; /* NULL, or why the entry cannot be used: a sentence */
};

void vault_entry_deinit(struct vault_entry *entry);

/* All entries, newest first (by the time of the death; those with a problem last, by name). Each is freed with
 * vault_entry_deinit(), then the array. More than 100000 are not looked at. */
struct error *vault_list(struct vault *vault, struct vault_entry **ret_entries, size_t *ret_count) must_check;
void vault_entries_destroy(struct vault_entry *entries, size_t count);

/* One entry by its name. ERROR_NOT_FOUND also for what cannot be a name of an entry. What makes it unusable is in its
 * `problem`, not an error. */
struct error *vault_read(struct vault *vault, const char *name, struct vault_entry *ret_entry) must_check;

/* The core of an entry as a descriptor for reading, which the caller closes: the file itself, or what core.zst unpacks
 * to, in a nameless file of $TMPDIR, else /var/tmp, with holes where the core is zero, dated as the core was.
 * core_open() takes the path "/proc/self/fd/N". ERROR_NOT_FOUND: it has none. ERROR_INVALID: what is stored is not what
 * the metadata say (other size, not zstd, cut off). ERROR_SYSTEM: among others, no room to unpack it. */
struct error *vault_open_core(struct vault *vault, const struct vault_entry *entry, int *ret_fd) must_check;

/* The file that holds the core, as it is stored: for those who unpack it elsewhere (vault_unpack(), where *ret_packed).
 */
struct error *vault_open_stored_core(struct vault *vault, const struct vault_entry *entry, int *ret_fd,
				     bool *ret_packed) must_check;

/* report.json: NUL-terminated text that the caller frees. ERROR_NOT_FOUND when there is none. Writing replaces it
 * whole, or leaves what was there. */
struct error *vault_read_report(struct vault *vault, const char *name, char **ret_text, size_t *ret_bytes) must_check;
struct error *vault_write_report(struct vault *vault, const char *name, const char *text, size_t bytes) must_check;

/* Takes an entry away, all or nothing to those who list. */
struct error *vault_remove(struct vault *vault, const char *name) must_check;

/* ---- keeping within bounds ---- */

/* What to keep. 0 is no limit. */
struct vault_prune_limits {
	uint64_t most_bytes; /* of all entries together, on the disk */
	uint64_t keep_free;  /* bytes that are to be free on the file system */
	uint64_t most_age_s; /* since the death; of an entry with a problem since it was last changed */
	bool dry_run;	     /* only tell */
};

struct vault_pruned {
	const char *name;
	uint64_t bytes; /* on the disk */
	const char *why;
};

struct vault_pruned_sum {
	size_t removed, kept;
	uint64_t removed_bytes, kept_bytes; /* kept: after it */
};

/* Takes away what goes beyond the limits: those with a problem first, then the oldest deaths; the newest entry stays
 * whatever its size, as long as it is not too old. Also drafts that nobody has touched for a day. `tell` (may be NULL)
 * hears of each. */
struct error *vault_prune(struct vault *vault, const struct vault_prune_limits *limits,
			  void (*tell)(void *context, const struct vault_pruned *pruned), void *context,
			  struct vault_pruned_sum *ret_sum) must_check;

/* ---- making an entry ---- */

struct vault_draft;

struct error *vault_draft_create(struct vault *vault, struct vault_draft **ret_draft) must_check;

/* core.zst, opened for writing by the first call; the draft closes it. vault_pack() writes it. */
struct error *vault_draft_core(struct vault_draft *draft, int *ret_fd) must_check;

/* Writes crash.json, puts everything on the disk, and renames it into place. stored_bytes is taken from the file; a
 * draft with core_bytes 0 loses its core file. On success *ret_name is the entry's name, which the caller frees. The
 * draft is gone in either case; on an error nothing of it is left. */
struct error *vault_draft_commit(struct vault_draft *draft, const struct vault_crash *crash,
				 char **ret_name) must_check;
/* Takes the draft away. NULL is fine. */
void vault_draft_abandon(struct vault_draft *draft);
DEFINE_CLEANUP(struct vault_draft, vault_draft_abandon)

/* ---- packing and unpacking; these need descriptors alone, so that a child without privilege can do them ---- */

/* Where to stop. 0 is no limit. */
struct vault_pack_limits {
	uint64_t most_bytes; /* of the core */
	uint64_t keep_free;  /* bytes that are to stay free on the file system that is written to */
	/* NULL, or set from a signal handler (without SA_RESTART): what was read by then is the core. */
	const volatile sig_atomic_t *stop;
};

enum vault_pack_end {
	VAULT_PACK_WHOLE,
	VAULT_PACK_TOO_LARGE,
	VAULT_PACK_NO_ROOM, /* less than keep_free was left */
	VAULT_PACK_STOPPED, /* by `stop` */
	VAULT_PACK_FAILED,  /* reading or writing failed; `reason` says how */
};

struct vault_packed {
	uint64_t core_bytes; /* how many were read and packed */
	enum vault_pack_end end;
	/* The ELF header and the notes (registers, signal, mappings) are within what was packed: it can be opened. The
	 * kernel writes PT_NOTE as the first program header (fs/binfmt_elf.c, elf_core_dump). */
	bool has_notes;
	char reason[128];
};

/* Reads `in_fd` to its end or to a limit and writes it to `out_fd` as one zstd frame, which is complete in each case
 * but an error. A core whose reading fails is cut there; of one whose writing fails (a full disk) the beginning is
 * packed again, over what was written, so that registers and mappings at least are kept: VAULT_PACK_FAILED. `foreign`:
 * the input may itself be compressed (zstd, lz4, xz, gzip, bzip2) and is unpacked on its way; ERROR_INVALID when that
 * fails. */
struct error *vault_pack(int in_fd, int out_fd, bool foreign, const struct vault_pack_limits *limits,
			 struct vault_packed *ret_packed) must_check;

/* Unpacks a zstd stream that must hold exactly `bytes`, as vault_open_core() does. */
struct error *vault_unpack(int in_fd, uint64_t bytes, int *ret_fd) must_check;

/* The same for a core that somebody else has compressed (zstd, lz4, xz, gzip, bzip2): its size is not known. It may
 * have VAULT_FOREIGN_BYTES_MAX, and of those, pages of zeros not counted, as many as are written in any case and
 * VAULT_FOREIGN_TIMES its packed size. The memory of programs packs worse than that; what does not is a bomb:
 * ERROR_INVALID. ERROR_UNSUPPORTED: it is not compressed. */
#define VAULT_FOREIGN_BYTES_MAX (64ULL << 30)
#define VAULT_FOREIGN_BYTES_FREE (512ULL << 20)
#define VAULT_FOREIGN_TIMES 250
struct error *vault_unpack_foreign(int in_fd, int *ret_fd) must_check;

#endif
