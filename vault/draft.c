/* SPDX-License-Identifier: MIT */
/* Drafts: an entry in the making. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "vault/vault_internal.h"

struct vault_draft {
	struct vault *vault; /* not its own */
	char name[64];
	uint32_t random;
	int directory;
	int core;
};

static void draft_destroy(struct vault_draft *draft)
{
	if (draft->core >= 0)
		close(draft->core);
	if (draft->directory >= 0)
		close(draft->directory);
	free(draft);
}

void vault_draft_abandon(struct vault_draft *draft)
{
	if (!draft)
		return;
	/* What cannot be removed now stays a draft, for vault_prune(). */
	error_destroy(vault_remove_directory(draft->vault, draft->name));
	draft_destroy(draft);
}

struct error *vault_draft_create(struct vault *vault, struct vault_draft **ret_draft)
{
	struct vault_draft *draft = calloc(1, sizeof(*draft));
	struct error *err;

	if (!draft)
		return &error_no_memory;
	*draft = (struct vault_draft){.vault = vault, .directory = -1, .core = -1};
	if (getrandom(&draft->random, sizeof(draft->random), 0) != sizeof(draft->random))
		draft->random = (uint32_t)getpid();
	snprintf(draft->name, sizeof(draft->name), VAULT_DRAFT_PREFIX "%ld-%08" PRIx32, (long)getpid(), draft->random);
	if (mkdirat(vault_fd(vault), draft->name, 0700) != 0) {
		err = error_format(errno == EACCES || errno == EPERM || errno == EROFS ? ERROR_PERMISSION
										       : ERROR_SYSTEM,
				   "cannot keep a crash in %s: %s", vault_path(vault), strerror(errno));
		draft_destroy(draft);
		return err;
	}
	err = vault_open_entry(vault, draft->name, &draft->directory);
	if (err) {
		vault_draft_abandon(draft);
		return err;
	}
	*ret_draft = draft;
	return NULL;
}

struct error *vault_draft_core(struct vault_draft *draft, int *ret_fd)
{
	if (draft->core < 0)
		draft->core = openat(draft->directory, VAULT_CORE_PACKED,
				     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (draft->core < 0)
		return error_format(ERROR_SYSTEM, "cannot make %s/%s/" VAULT_CORE_PACKED ": %s",
				    vault_path(draft->vault), draft->name, strerror(errno));
	*ret_fd = draft->core;
	return NULL;
}

/* ---- commit ---- */

static struct error *finish_core(struct vault_draft *draft, struct vault_crash *crash)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
				    {crash->time_ns / 1000000000, crash->time_ns % 1000000000}};
	struct stat status;

	crash->stored_bytes = 0;
	if (draft->core < 0 || !crash->core_bytes) {
		crash->core_bytes = 0;
		unlinkat(draft->directory, VAULT_CORE_PACKED, 0);
		return NULL;
	}
	if (fsync(draft->core) != 0 || fstat(draft->core, &status) != 0)
		return error_format(ERROR_SYSTEM, "cannot write %s/%s/" VAULT_CORE_PACKED ": %s",
				    vault_path(draft->vault), draft->name, strerror(errno));
	crash->stored_bytes = (uint64_t)status.st_size;
	/* The explanation asks whether a mapped file was changed after the core was written. */
	if (crash->time_ns > 0)
		futimens(draft->core, times);
	return NULL;
}

static void name_entry(const struct vault_draft *draft, const struct vault_crash *crash, uint32_t random, char *name,
		       size_t size)
{
	time_t seconds = (time_t)(crash->time_ns / 1000000000);
	char date[32] = "undated";
	struct tm parts;

	(void)draft;
	if (crash->time_ns > 0 && gmtime_r(&seconds, &parts) && parts.tm_year < 8100)
		strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &parts);
	snprintf(name, size, "%s-%" PRIu32 "-%08" PRIx32, date, crash->pid, random);
}

static struct error *move_into_place(struct vault_draft *draft, const struct vault_crash *crash, char *name,
				     size_t size)
{
	int vault = vault_fd(draft->vault);

	/* A directory is renamed over an empty one alone, so a name that is taken is never lost; another is tried. */
	for (uint32_t i = 0; i < 16; i++) {
		name_entry(draft, crash, draft->random + i, name, size);
		if (renameat2(vault, draft->name, vault, name, RENAME_NOREPLACE) == 0)
			return NULL;
		if (errno == EINVAL && renameat(vault, draft->name, vault, name) == 0)
			return NULL;
		if (errno != EEXIST && errno != ENOTEMPTY)
			break;
	}
	return error_format(ERROR_SYSTEM, "cannot rename %s/%s to %s: %s", vault_path(draft->vault), draft->name, name,
			    strerror(errno));
}

struct error *vault_draft_commit(struct vault_draft *draft, const struct vault_crash *crash, char **ret_name)
{
	struct vault_crash whole = *crash; /* its strings are still the caller's */
	struct error *err = finish_core(draft, &whole);
	cleanup_free char *text = NULL, *kept = NULL;
	char name[96];

	err = err ?: vault_crash_format(&whole, &text);
	if (!err)
		err = error_prefix(vault_write_file(draft->directory, VAULT_CRASH, draft->name, text, strlen(text)),
				   "%s", vault_path(draft->vault));
	if (!err && fsync(draft->directory) != 0)
		err = error_format(ERROR_SYSTEM, "cannot write %s/%s: %s", vault_path(draft->vault), draft->name,
				   strerror(errno));
	err = err ?: move_into_place(draft, &whole, name, sizeof(name));
	if (err) {
		vault_draft_abandon(draft);
		return err;
	}
	fsync(vault_fd(draft->vault)); /* it is there; only a machine that stops now could still lose it */
	draft_destroy(draft);
	kept = strdup(name);
	if (!kept)
		return &error_no_memory;
	*ret_name = take_pointer(kept);
	return NULL;
}
