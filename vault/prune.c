/* SPDX-License-Identifier: MIT */
/* Keeping the vault within size and age. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "vault/vault_internal.h"

/* A draft is in the making for seconds; one so old belongs to nobody. */
#define DRAFT_AGE_S 86400
/* Far fewer than vault_list() looks at: what it does not see is never removed. */
#define ENTRIES_KEPT 20000

struct pruning {
	struct vault *vault;
	const struct vault_prune_limits *limits;
	void (*tell)(void *context, const struct vault_pruned *pruned);
	void *context;
	struct vault_pruned_sum sum;
	uint64_t missing; /* bytes that are to become free */
	int64_t now_s;
};

static void tell(struct pruning *pruning, const char *name, uint64_t bytes, const char *why)
{
	pruning->sum.removed++;
	pruning->sum.removed_bytes += bytes;
	pruning->missing = bytes < pruning->missing ? pruning->missing - bytes : 0;
	if (pruning->tell)
		pruning->tell(pruning->context, &(struct vault_pruned){.name = name, .bytes = bytes, .why = why});
}

static int64_t age_of(const struct pruning *pruning, const char *name, const struct vault_entry *entry)
{
	struct stat status;

	if (entry && !entry->problem && entry->crash.time_ns > 0)
		return pruning->now_s - entry->crash.time_ns / 1000000000;
	if (fstatat(vault_fd(pruning->vault), name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return pruning->now_s - status.st_mtim.tv_sec;
}

static struct error *remove_drafts(struct pruning *pruning)
{
	int again = openat(vault_fd(pruning->vault), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = again >= 0 ? fdopendir(again) : NULL;
	struct error *err = NULL, *first = NULL;
	struct dirent *item;

	if (!directory) {
		err = error_errno(errno, "cannot list %s", vault_path(pruning->vault));
		if (again >= 0)
			close(again);
		return err;
	}
	while ((item = readdir(directory))) {
		if (strncmp(item->d_name, VAULT_DRAFT_PREFIX, strlen(VAULT_DRAFT_PREFIX)) != 0 ||
		    age_of(pruning, item->d_name, NULL) < DRAFT_AGE_S)
			continue;
		err = pruning->limits->dry_run ? NULL : vault_remove_directory(pruning->vault, item->d_name);
		if (!err)
			tell(pruning, item->d_name, 0, "a draft that was never finished");
		else if (!first)
			first = err;
		else
			error_destroy(err);
	}
	closedir(directory);
	return first;
}

/* NULL: it may stay. */
static const char *reason(const struct pruning *pruning, const struct vault_entry *entry, uint64_t total, size_t left)
{
	const struct vault_prune_limits *limits = pruning->limits;

	if (limits->most_age_s && age_of(pruning, entry->name, entry) > (int64_t)limits->most_age_s)
		return "too old";
	if (left > ENTRIES_KEPT)
		return "too many crashes are kept";
	if (limits->most_bytes && total > limits->most_bytes)
		return "the vault is too large";
	if (pruning->missing)
		return "the file system is too full";
	return NULL;
}

static uint64_t missing_bytes(const struct pruning *pruning)
{
	struct statvfs status;
	uint64_t available;

	if (!pruning->limits->keep_free || fstatvfs(vault_fd(pruning->vault), &status) != 0)
		return 0;
	available = (uint64_t)status.f_bavail * status.f_frsize;
	return available < pruning->limits->keep_free ? pruning->limits->keep_free - available : 0;
}

/* The list has the newest first and those with a problem last: it is taken from its end. */
static struct error *remove_entries(struct pruning *pruning, const struct vault_entry *entries, size_t count)
{
	struct error *first = NULL;
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += entries[i].disk_bytes;
	for (size_t i = count; i > 0; i--) {
		const struct vault_entry *entry = &entries[i - 1];
		const char *why = reason(pruning, entry, total, i);
		bool is_last = i == 1 && !(pruning->limits->most_age_s && why && strcmp(why, "too old") == 0);
		struct error *err = NULL;

		if (!why || is_last) {
			pruning->sum.kept++;
			pruning->sum.kept_bytes += entry->disk_bytes;
			continue;
		}
		if (!pruning->limits->dry_run)
			err = vault_remove(pruning->vault, entry->name);
		if (err && err->code != ERROR_NOT_FOUND) { /* else another was faster */
			/* One that cannot go must not keep all others. */
			if (first)
				error_destroy(err);
			else
				first = err;
			continue;
		}
		error_destroy(err);
		total -= entry->disk_bytes;
		tell(pruning, entry->name, entry->disk_bytes, why);
	}
	return first;
}

struct error *vault_prune(struct vault *vault, const struct vault_prune_limits *limits,
			  void (*tell_of)(void *context, const struct vault_pruned *pruned), void *context,
			  struct vault_pruned_sum *ret_sum)
{
	struct pruning pruning = {
		.vault = vault, .limits = limits, .tell = tell_of, .context = context, .now_s = time(NULL)};
	struct vault_entry *entries = NULL;
	size_t count = 0;
	struct error *drafts = remove_drafts(&pruning), *err = vault_list(vault, &entries, &count);

	if (!err) {
		pruning.missing = missing_bytes(&pruning);
		err = remove_entries(&pruning, entries, count);
	}
	vault_entries_destroy(entries, count);
	if (err)
		error_destroy(drafts);
	else
		err = drafts;
	if (!err)
		*ret_sum = pruning.sum;
	return err;
}
