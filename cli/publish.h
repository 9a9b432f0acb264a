/* SPDX-License-Identifier: MIT */
/*
 * What is done with a crash once it is in the vault: it is explained, report.json is written, the journal is told
 * (cli/log.h), and the hooks run. `capture` does it for each crash, `import` may. Everything that reads the core runs
 * as cli/privilege.h's plain user: it opens the record, read-only, before it gives its rights up, because the record
 * belongs to root, and gets the program's own files from `capture`, which has opened them while the process was there.
 * Of others it can open what anybody can: a report of an import may lack symbols that `corelate explain` by root has.
 */
#ifndef CLI_PUBLISH_H
#define CLI_PUBLISH_H

#include <stdbool.h>

#include "cli/process_files.h"
#include "common/error.h"
#include "vault/settings.h"
#include "vault/vault.h"

/* The verdict, as words of one line each, inert. */
struct verdict {
	char id[17];	     /* of the crash */
	char class[32];	     /* "" without a report */
	char confidence[16]; /* of the cause: proven, likely, possible; none where it is not known */
	char signature[17];
	char summary[1024];
};

/* A crash is published under a lock of the vault, one at a time; where many wait already it is only told to the
 * journal. With `fresh` it waits, a few seconds at most, until a running recorder has stored the death. Hooks and
 * journal are told even where there is no explanation; then, and when the report cannot be written, the error says why.
 * Failures of hooks are logged. */
struct error *publish(struct vault *vault, const char *entry_name, const struct vault_settings *settings, bool fresh,
		      struct verdict *ret_verdict) must_check;

/* The same of one that has just died, with the files that it had mapped. */
struct error *publish_captured(struct vault *vault, const char *entry_name, const struct vault_settings *settings,
			       const struct process_files *files, struct verdict *ret_verdict) must_check;

/* The same of one that is in no vault, because nothing could be written: `crash` is all there is of it. The journal is
 * told and the hooks run; an explanation is made from the record alone, and is kept by nobody. `vault` may be NULL. */
struct error *publish_unkept(struct vault *vault, const struct vault_crash *crash,
			     const struct vault_settings *settings, const struct process_files *files,
			     struct verdict *ret_verdict) must_check;

/* ---- the steps ---- */

/* The report as JSON, made in a child without privilege; the caller frees it. `files` may be NULL. */
struct error *publish_explain(struct vault *vault, const struct vault_entry *entry,
			      const struct vault_settings *settings, const struct process_files *files, bool fresh,
			      struct verdict *ret_verdict, char **ret_report, size_t *ret_bytes) must_check;

/*
 * Runs the executables of settings->hooks (files of root that nobody else may write; names of letters, digits, dots,
 * hyphens and underscores) in the order of their names, each as the plain user, in the directory /, for
 * settings->hook_timeout_s at most. Standard input is the report. What a hook prints is logged when it fails. The
 * environment is PATH, LANG=C.UTF-8, and, as far as it is known:
 *
 *   CORELATE_REPORT   path of a copy of report.json, gone after the hooks
 *   CORELATE_ENTRY    the entry's directory (root's); missing where the crash could not be kept
 *   CORELATE_CRASH_ID, CORELATE_CLASS, CORELATE_CONFIDENCE, CORELATE_SIGNATURE, CORELATE_SUMMARY   the verdict
 *   CORELATE_PID, CORELATE_UID, CORELATE_SIGNAL
 *   CORELATE_CORE     present, cut, or absent; CORELATE_NOTE   why, inert
 *   CORELATE_COMM, CORELATE_EXE   inert: what a terminal would obey is \xNN
 */
void publish_run_hooks(struct vault *vault, const struct vault_entry *entry, const struct vault_settings *settings,
		       const struct verdict *verdict, const char *report, size_t bytes);

/* "present", "cut" or "absent". */
const char *publish_core_state(const struct vault_entry *entry);

/* `text` inert, as a string that the caller frees; NULL without memory and for NULL. */
char *publish_inert(const char *text);

#endif
