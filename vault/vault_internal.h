/* SPDX-License-Identifier: MIT */
/* What the files of the vault share. */
#ifndef VAULT_VAULT_INTERNAL_H
#define VAULT_VAULT_INTERNAL_H

#include <sys/types.h>

#include "vault/vault.h"

#define VAULT_DRAFT_PREFIX ".draft-"
#define VAULT_CORE_PACKED "core.zst"
#define VAULT_CORE_PLAIN "core"
#define VAULT_CRASH "crash.json"
#define VAULT_REPORT "report.json"

/* Names that readers look at; a name is short and has only digits, letters, '-', '.' and '_', and does not begin with
 * '.'. */
bool vault_is_name(const char *name);

int vault_fd(const struct vault *vault);

/* Opens an entry's (or a draft's) directory. */
struct error *vault_open_entry(const struct vault *vault, const char *name, int *ret_fd) must_check;

/* Opens a regular file for reading: no link, no FIFO, no device. ERROR_NOT_FOUND, ERROR_INVALID. `what` is for the
 * message. */
struct error *vault_open_file(int directory_fd, const char *name, const char *what, int *ret_fd) must_check;

/* The whole file, NUL-terminated; ERROR_INVALID when it is larger than `most` bytes. */
struct error *vault_read_file(int directory_fd, const char *name, const char *what, size_t most, char **ret_text,
			      size_t *ret_bytes) must_check;

/* A file that is not there yet, 0600, its bytes and its name's on the disk. Takes away what it could not write. */
struct error *vault_write_file(int directory_fd, const char *name, const char *what, const char *text,
			       size_t bytes) must_check;

/* What others compress cores with: zstd, lz4, xz, gzip, bzip2. */
struct archive;
void vault_support_filters(struct archive *archive);

/* Removes a directory of ours and the files in it, not going deeper. Missing is fine. */
struct error *vault_remove_directory(const struct vault *vault, const char *name) must_check;

/* crash.json. */
struct error *vault_crash_parse(const char *text, size_t bytes, const char *what, struct vault_crash *ret) must_check;
struct error *vault_crash_format(const struct vault_crash *crash, char **ret_text) must_check;

#endif
