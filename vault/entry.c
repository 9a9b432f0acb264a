/* SPDX-License-Identifier: MIT */
/* Entries: listing and reading them, their core, their report, and taking them away. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/vector.h"
#include "vault/vault_internal.h"

#define CRASH_BYTES_MAX (256u << 10)
#define REPORT_BYTES_MAX (64u << 20)
#define ENTRIES_MAX 100000

void vault_entry_deinit(struct vault_entry *entry)
{
	vault_crash_deinit(&entry->crash);
	free(entry->name);
	free(entry->problem);
	*entry = (struct vault_entry){0};
}

void vault_entries_destroy(struct vault_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		vault_entry_deinit(&entries[i]);
	free(entries);
}

/* ---- reading one ---- */

static bool has_file(int fd, const char *name)
{
	struct stat status;

	return fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

static uint64_t bytes_on_disk(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *item;
	struct stat status;
	uint64_t bytes = 0;

	if (!directory) {
		if (again >= 0)
			close(again);
		return 0;
	}
	while ((item = readdir(directory))) {
		if (strcmp(item->d_name, "..") != 0 &&
		    fstatat(dirfd(directory), item->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)status.st_blocks * 512;
	}
	closedir(directory);
	return bytes;
}

static struct error *read_crash(int fd, const char *name, struct vault_entry *entry)
{
	cleanup_free char *text = NULL;
	size_t bytes;
	struct error *err = vault_read_file(fd, VAULT_CRASH, name, CRASH_BYTES_MAX, &text, &bytes)
				    ?: vault_crash_parse(text, bytes, name, &entry->crash);

	if (err)
		return err;
	entry->has_core =
		entry->crash.core_bytes && (has_file(fd, VAULT_CORE_PACKED) || has_file(fd, VAULT_CORE_PLAIN));
	entry->has_report = has_file(fd, VAULT_REPORT);
	return NULL;
}

struct error *vault_read(struct vault *vault, const char *name, struct vault_entry *ret_entry)
{
	struct vault_entry entry = {0};
	cleanup_fd int fd = -1;
	struct error *err;

	if (!vault_is_name(name))
		return error_format(ERROR_NOT_FOUND, "no kept crash is called '%s'", name);
	err = vault_open_entry(vault, name, &fd);
	if (err && (err->code == ERROR_NOT_FOUND || err->code == ERROR_NO_MEMORY))
		return err;
	entry.name = strdup(name);
	if (!entry.name) {
		error_destroy(err);
		return &error_no_memory;
	}
	if (!err) {
		entry.disk_bytes = bytes_on_disk(fd);
		err = read_crash(fd, name, &entry);
	}
	if (err) {
		entry.problem = strdup(err->message);
		error_destroy(err);
		if (!entry.problem) {
			vault_entry_deinit(&entry);
			return &error_no_memory;
		}
	}
	*ret_entry = entry;
	return NULL;
}

/* ---- reading all ---- */

static int compare(const void *left, const void *right)
{
	const struct vault_entry *a = left, *b = right;

	if (!a->problem != !b->problem)
		return a->problem ? 1 : -1;
	if (a->crash.time_ns != b->crash.time_ns)
		return a->crash.time_ns < b->crash.time_ns ? 1 : -1;
	return strcmp(b->name, a->name);
}

DEFINE_VECTOR(entry_list, struct vault_entry)

static struct error *append(struct entry_list *list, struct vault *vault, const char *name)
{
	struct error *err = entry_list_reserve(list, 1);

	if (err)
		return err;
	err = vault_read(vault, name, &list->items[list->count]);
	if (!err)
		list->count++;
	error_catch(&err, ERROR_NOT_FOUND); /* taken away meanwhile */
	return err;
}

struct error *vault_list(struct vault *vault, struct vault_entry **ret_entries, size_t *ret_count)
{
	int again = openat(vault_fd(vault), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = again >= 0 ? fdopendir(again) : NULL;
	struct entry_list list = {0};
	struct error *err = NULL;
	struct dirent *item;

	if (!directory) {
		err = error_errno(errno, "cannot list %s", vault_path(vault));
		if (again >= 0)
			close(again);
		return err;
	}
	while (!err && list.count < ENTRIES_MAX && (item = readdir(directory))) {
		/* Drafts, locks, and whatever people put there. */
		if (vault_is_name(item->d_name) &&
		    (item->d_type == DT_DIR || item->d_type == DT_LNK || item->d_type == DT_UNKNOWN))
			err = append(&list, vault, item->d_name);
	}
	closedir(directory);
	if (err) {
		vault_entries_destroy(list.items, list.count);
		return err;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare);
	*ret_entries = list.items;
	*ret_count = list.count;
	return NULL;
}

/* ---- what is in one ---- */

static struct error *check_plain(int fd, const struct vault_entry *entry)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return error_errno(errno, "%s/" VAULT_CORE_PLAIN, entry->name);
	if ((uint64_t)status.st_size != entry->crash.core_bytes)
		return error_format(ERROR_INVALID,
				    "%s/" VAULT_CORE_PLAIN " has %lld bytes, not the %llu that were kept", entry->name,
				    (long long)status.st_size, (unsigned long long)entry->crash.core_bytes);
	return NULL;
}

struct error *vault_open_stored_core(struct vault *vault, const struct vault_entry *entry, int *ret_fd,
				     bool *ret_packed)
{
	cleanup_fd int directory = -1;
	struct error *err;

	if (entry->problem)
		return error_format(ERROR_INVALID, "%s", entry->problem);
	if (!entry->crash.core_bytes)
		return error_format(ERROR_NOT_FOUND, "%s: no core was kept%s%s", entry->name,
				    entry->crash.note ? ": " : "", entry->crash.note ?: "");
	err = vault_open_entry(vault, entry->name, &directory);
	if (err)
		return err;
	*ret_packed = false;
	err = vault_open_file(directory, VAULT_CORE_PLAIN, entry->name, ret_fd);
	if (!error_catch(&err, ERROR_NOT_FOUND))
		return err;
	*ret_packed = true;
	return vault_open_file(directory, VAULT_CORE_PACKED, entry->name, ret_fd);
}

struct error *vault_open_core(struct vault *vault, const struct vault_entry *entry, int *ret_fd)
{
	cleanup_fd int fd = -1;
	bool is_packed;
	struct error *err = vault_open_stored_core(vault, entry, &fd, &is_packed);

	if (err)
		return err;
	if (is_packed)
		return error_prefix(vault_unpack(fd, entry->crash.core_bytes, ret_fd), "%s/" VAULT_CORE_PACKED,
				    entry->name);
	err = check_plain(fd, entry);
	if (!err)
		*ret_fd = take_fd(&fd);
	return err;
}

/* ---- reports ---- */

/* The entry must be one: a report makes no directory. */
static struct error *open_named(struct vault *vault, const char *name, int *ret_fd)
{
	if (!vault_is_name(name))
		return error_format(ERROR_NOT_FOUND, "no kept crash is called '%s'", name);
	return vault_open_entry(vault, name, ret_fd);
}

struct error *vault_read_report(struct vault *vault, const char *name, char **ret_text, size_t *ret_bytes)
{
	cleanup_fd int fd = -1;
	struct error *err = open_named(vault, name, &fd);

	return err ? err : vault_read_file(fd, VAULT_REPORT, name, REPORT_BYTES_MAX, ret_text, ret_bytes);
}

struct error *vault_write_report(struct vault *vault, const char *name, const char *text, size_t bytes)
{
	cleanup_fd int fd = -1;
	struct error *err = open_named(vault, name, &fd);
	char temporary[64];

	if (err)
		return err;
	if (bytes > REPORT_BYTES_MAX)
		return error_format(ERROR_INVALID, "%s: a report of %zu bytes is not kept", name, bytes);
	snprintf(temporary, sizeof(temporary), ".report-%ld", (long)getpid());
	unlinkat(fd, temporary, 0); /* of one that was killed */
	err = vault_write_file(fd, temporary, name, text, bytes);
	if (err)
		return err;
	if (renameat(fd, temporary, fd, VAULT_REPORT) != 0) {
		err = error_errno(errno, "cannot write %s/" VAULT_REPORT, name);
		unlinkat(fd, temporary, 0);
	} else {
		fsync(fd);
	}
	return err;
}

/* ---- removal ---- */

struct error *vault_remove(struct vault *vault, const char *name)
{
	cleanup_free char *hidden = NULL;
	cleanup_fd int fd = -1;
	struct error *err = open_named(vault, name, &fd);

	if (err)
		return err;
	/* First out of sight, as a draft, which is also what is left when this is interrupted. */
	if (asprintf(&hidden, VAULT_DRAFT_PREFIX "%s", name) < 0) {
		hidden = NULL;
		return &error_no_memory;
	}
	if (renameat(vault_fd(vault), name, vault_fd(vault), hidden) != 0)
		return error_errno(errno, "cannot remove %s/%s", vault_path(vault), name);
	return vault_remove_directory(vault, hidden);
}
