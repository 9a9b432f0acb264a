/* SPDX-License-Identifier: MIT */
/*
 * Crashes of systemd-coredump's, taken into the vault. A core is always packed again, as one zstd frame of ours: a link
 * to its file would cost nothing, but that file goes when systemd-tmpfiles wants it to, may be of a form that nobody
 * but libarchive reads, and would leave two owners of one crash's size and age.
 *
 * A crash is imported once: an entry's `origin` names what it was made from, and an entry of the same boot, process and
 * time, or of the same address space and size, is the same crash.
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include <jansson.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "vault/settings.h"
#include "vault/vault.h"

#define IMPORT_DIRECTORY "/var/lib/systemd/coredump"

struct importer {
	const struct cli_options *options;
	struct vault_settings settings;
	struct vault *vault;
	const char *directory; /* where systemd-coredump's files are */
	bool watching;	       /* hooks run, a recorder is waited for */
	bool postponed;	       /* a file there was still being written */
	struct vault_entry *known;
	size_t known_count;
	json_t *results; /* with --json */
	size_t imported, present, refused;
};

/* A file as a crash. `path` is for people and for the origin, `fd` is open for reading, and `facts` is what is known of
 * the crash otherwise (their texts are taken); all of it may be zero. What is wrong with the file is told and counted;
 * an error is one that ends everything. */
struct error *import_core(struct importer *importer, int fd, const char *path, struct vault_crash *facts) must_check;

/* A crash without a core. */
struct error *import_facts(struct importer *importer, struct vault_crash *facts) must_check;

/* A core by its path. `follow`: it may be a link; the caller named it. */
struct error *import_path(struct importer *importer, const char *path, bool follow,
			  struct vault_crash *facts) must_check;

/* All files in importer->directory that are called core.*; a directory that is not there is ERROR_NOT_FOUND. */
struct error *import_directory(struct importer *importer) must_check;

/* A name in importer->directory, if it is one of a core. */
struct error *import_named(struct importer *importer, const char *name) must_check;

/* The crashes of a journal: NULL for the host's, else a directory or a file. *ret_journal, if not NULL, stays open at
 * its end for import_journal_more(). */
struct import_journal;
struct error *import_journal_open(const char *path, struct import_journal **ret) must_check;
struct error *import_journal_more(struct importer *importer, struct import_journal *journal) must_check;
int import_journal_fd(struct import_journal *journal); /* readable when there may be more; negative for never */
void import_journal_close(struct import_journal *journal);
DEFINE_CLEANUP(struct import_journal, import_journal_close)

/* Imports what comes until SIGINT or SIGTERM. `journal` may be NULL. */
struct error *import_watch(struct importer *importer, struct import_journal *journal) must_check;

/* What a core says of itself, read in a process without rights. */
struct import_look {
	bool has_auxv, truncated;
	uint64_t auxv_sysinfo_ehdr, auxv_random, auxv_entry, auxv_base;
	uint32_t namespace_pid, namespace_tid, uid;
	int32_t signal;
	char comm[17];
	char executable[4096];
};
/* `packed` is core.zst, open for reading; `bytes` is its size unpacked. ERROR_INVALID says what is wrong with it. */
struct error *import_look(int packed, uint64_t bytes, const struct vault_settings *settings,
			  struct import_look *ret) must_check;

/* The entry that is this crash; NULL for none. Without `core` only origin, boot, process and time are compared. */
const struct vault_entry *import_find_known(const struct importer *importer, const struct vault_crash *crash,
					    bool core);

/* Tells of one crash; counts it. `error` is consumed; one that says why it was not imported. */
void import_tell(struct importer *importer, const char *path, const char *entry, const char *status,
		 const char *verdict, struct error *error);

#endif
