/* SPDX-License-Identifier: MIT */
/*
 * /etc/corelate/capture.conf: how crashes are captured and how long they are kept. Lines "Key=value"; blank lines and
 * lines that begin with '#' or ';' say nothing. Sizes are bytes, or a number with K, M, G or T (of 1024); times are
 * seconds, or a number with s, min, h, d or w. "0" or "no" switches a limit off. What is not understood is refused,
 * with the line's number.
 *
 *   Vault=/var/lib/corelate/crashes       where crashes are kept
 *   Database=/var/lib/corelate/corelate.db   the record that explains them
 *   MaxCoreSize=8G    of one core, as the kernel writes it; a larger one is cut short
 *   KeepFree=         what is to stay free on the vault's file system; a tenth of it, 1G at most, where not given
 *   MaxUse=10G        of all kept crashes together, on the disk
 *   MaxAge=30d
 *   MaxDatabaseSize=3G   of the record: what its pages in use take
 *   MaxDatabaseAge=30d   of what it tells of a process, since that ended
 *   ExplainTime=60s      what explaining one crash may take
 *   ExplainMemory=2G     likewise, in one process; the core's own size does not count
 *   Explain=yes       explain each crash at once, tell the journal, run the hooks
 *   Hooks=/etc/corelate/hooks.d
 *   HookTimeout=30s   of each hook
 *   CoreTimeout=5min  of keeping a core; what was read by then is kept
 */
#ifndef VAULT_SETTINGS_H
#define VAULT_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define VAULT_SETTINGS_PATH "/etc/corelate/capture.conf"

struct vault_settings {
	char vault[PATH_MAX];
	char database[PATH_MAX];
	uint64_t most_core_bytes; /* 0: no limit; so are the next ones */
	uint64_t keep_free_bytes;
	bool has_keep_free; /* it was given; else vault_settings_keep_free() works it out */
	uint64_t most_bytes;
	uint64_t most_age_s;
	uint64_t most_database_bytes;
	uint64_t most_database_age_s;
	bool explain;
	int64_t explain_time_ns;
	uint64_t explain_memory_bytes;
	char hooks[PATH_MAX];
	uint64_t hook_timeout_s;
	uint64_t core_timeout_s; /* 0: no limit */
};

/* What holds without a file: paths_vault(), paths_database(), and the above. */
void vault_settings_default(struct vault_settings *ret);

/* The defaults, changed by the file; a missing file changes nothing unless `must_exist`. On an error *ret holds the
 * defaults for what was refused, and what was understood before. ERROR_INVALID names file, line and value. */
struct error *vault_settings_read(const char *path, bool must_exist, struct vault_settings *ret) must_check;

/* How much is to stay free on the file system of that directory. */
uint64_t vault_settings_keep_free(const struct vault_settings *settings, const char *directory);

/* "12M", "5000"; "7d". False when it makes no sense or does not fit. */
bool vault_parse_size(const char *text, uint64_t *ret_bytes);
bool vault_parse_time(const char *text, uint64_t *ret_seconds);

#endif
