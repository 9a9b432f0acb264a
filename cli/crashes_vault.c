/* SPDX-License-Identifier: MIT */
#include "cli/crashes_vault.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/progress.h"
#include "common/limits.h"
#include "common/cleanup.h"

/* ---- which entry is which death ---- */

/* Two clocks that were read at one death differ by the time that a core takes, and by a step of the clock. */
#define SAME_DEATH_NS (60 * 1000000000LL)

static int64_t distance(const struct crash_row *row, const struct vault_crash *crash)
{
	int64_t apart;

	if (!row->real_ns || !crash->time_ns || __builtin_sub_overflow(row->real_ns, crash->time_ns, &apart) ||
	    apart == INT64_MIN)
		return INT64_MAX;
	return apart < 0 ? -apart : apart;
}

static bool is_same_death(const struct crash_row *row, const struct vault_entry *entry)
{
	const struct vault_crash *crash = &entry->crash;

	if (!entry->name || entry->problem || crash->signal != row->signal)
		return false;
	/* A core that came without its name knows neither boot nor host's pid: its own pid and the words must do. */
	if (crash->boot_id[0] ? crash->pid != row->pid || strcmp(crash->boot_id, row->boot_id) != 0
			      : !crash->has_auxv || crash->namespace_pid != row->namespace_pid)
		return false;
	/* Without the words the date must do: a pid does not come again within a minute. */
	if (!crash->has_auxv)
		return distance(row, crash) < SAME_DEATH_NS;
	return crash->auxv_sysinfo_ehdr == row->space.auxv_sysinfo_ehdr &&
	       crash->auxv_random == row->space.auxv_random && crash->auxv_entry == row->space.auxv_entry &&
	       crash->auxv_base == row->space.auxv_base;
}

static enum crash_core state_of(const struct vault_entry *entry)
{
	if (entry->problem)
		return CRASH_CORE_ERROR;
	if (!entry->crash.core_bytes && !entry->crash.core_gone)
		return CRASH_CORE_NONE;
	if (!entry->has_core)
		return CRASH_CORE_MISSING;
	return entry->crash.truncated ? CRASH_CORE_TRUNCATED : CRASH_CORE_PRESENT;
}

/* What only the vault knows. */
static struct error *take_stored(struct crash_row *row, struct vault_entry *entry)
{
	const struct vault_crash *crash = &entry->crash;
	const char *note = entry->problem ? entry->problem : crash->note;

	if (note && !(row->note = strdup(note)))
		return &error_no_memory;
	if (crash->hostname && !(row->hostname = strdup(crash->hostname)))
		return &error_no_memory;
	row->stored_core = state_of(entry);
	row->stored_bytes = entry->has_core ? crash->stored_bytes : 0;
	/* An import knows it from attributes that a copy may have lost: 0 is root's, or nothing. */
	row->has_gid = !entry->problem && (crash->source == VAULT_CAPTURE || crash->gid || !crash->uid);
	row->gid = crash->gid;
	row->entry = take_pointer(entry->name);
	return NULL;
}

struct error *crash_row_join(struct crash_row *row, struct vault_entry *entries, size_t count)
{
	struct vault_entry *nearest = NULL;
	struct error *err;

	for (size_t i = 0; i < count; i++) {
		if (is_same_death(row, &entries[i]) &&
		    (!nearest || distance(row, &entries[i].crash) < distance(row, &nearest->crash)))
			nearest = &entries[i];
	}
	if (!nearest)
		return NULL;
	err = take_stored(row, nearest);
	if (err)
		crash_row_deinit(row);
	return err;
}

static void copy_name(char out[17], const char *name)
{
	snprintf(out, 17, "%s", name ? name : "");
}

struct error *crash_row_take_entry(struct crash_row *row, struct vault_entry *entry)
{
	const struct vault_crash *crash = &entry->crash;
	struct error *err = NULL;

	row->real_ns = crash->time_ns;
	memcpy(row->boot_id, crash->boot_id, sizeof(row->boot_id));
	row->pid = crash->pid;
	row->namespace_pid = crash->namespace_pid;
	row->tid = crash->tid;
	row->has_uid = !entry->problem;
	row->uid = crash->uid;
	row->signal = crash->signal;
	copy_name(row->comm, crash->comm);
	copy_name(row->thread_comm, crash->thread_comm);
	if (crash->exe && !(row->executable = strdup(crash->exe)))
		err = &error_no_memory;
	if (!err)
		err = take_stored(row, entry);
	if (err)
		crash_row_deinit(row);
	return err;
}

/* ---- its report ---- */

static char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? strdup(text) : NULL;
}

void crash_row_take_report(struct vault *vault, struct crash_row *row)
{
	cleanup_free char *text = NULL;
	const json_t *verdict;
	const char *id;
	struct error *err;
	json_t *report;
	size_t bytes;

	if (!row->entry || !vault || row->class)
		return;
	err = vault_read_report(vault, row->entry, &text, &bytes);
	report = err ? NULL : json_loadb(text, bytes, 0, NULL);
	error_destroy(err);
	verdict = json_array_get(json_object_get(report, "findings"), 0);
	row->class = text_of(verdict, "class");
	row->confidence = text_of(verdict, "confidence");
	id = json_string_value(json_object_get(json_object_get(report, "crash"), "id"));
	if (!row->id[0] && id && strlen(id) == 16 && strspn(id, "0123456789abcdef") == 16)
		memcpy(row->id, id, sizeof(row->id));
	json_decref(report);
}

/* ---- its core ---- */

/* Whether a file has changed since the death is told by the core's own time (analyzer/assemble/assemble_mapping.c);
 * what was unpacked a moment ago has to be as old as the death. Else every file would seem unchanged. */
static struct error *make_old(int fd, int64_t real_ns)
{
	const struct timespec died = {.tv_sec = real_ns / 1000000000, .tv_nsec = real_ns % 1000000000};

	if (real_ns > 0 && futimens(fd, (const struct timespec[]){died, died}) != 0)
		return error_errno(errno, "cannot date an unpacked core");
	return NULL;
}

static struct error *unpack(int packed, const struct vault_entry *entry, int *ret_fd)
{
	struct error *err;

	progress_begin("unpacking the core of", entry->crash.comm);
	progress_follow(packed, entry->crash.stored_bytes);
	limits_pause();
	err = vault_unpack(packed, entry->crash.core_bytes, ret_fd);
	limits_resume();
	progress_end();
	return err;
}

static struct error *open_core(struct vault *vault, const struct vault_entry *entry, struct crash_core_file *ret)
{
	cleanup_fd int stored = -1;
	char path[64];
	bool is_packed;
	struct error *err = vault_open_stored_core(vault, entry, &stored, &is_packed);

	if (err)
		return err;
	if (asprintf(&ret->name, "%s/%s/core%s", vault_path(vault), entry->name, is_packed ? ".zst" : "") < 0) {
		ret->name = NULL;
		return &error_no_memory;
	}
	err = is_packed ? unpack(stored, entry, &ret->fd) : vault_open_core(vault, entry, &ret->fd);
	if (err)
		return err;
	ret->has_fd = true;
	if (is_packed)
		err = make_old(ret->fd, entry->crash.time_ns);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ret->fd);
	return err ?: core_open(path, &ret->core);
}

struct error *crash_row_unpack(struct vault *vault, const struct crash_row *row, struct crash_core_file *ret)
{
	struct vault_entry entry;
	struct error *err = vault_read(vault, row->entry, &entry);

	if (err)
		return err;
	err = open_core(vault, &entry, ret);
	if (err) {
		err = error_prefix(err, "%s", ret->name ? ret->name : row->entry);
		crash_core_file_deinit(ret);
	}
	vault_entry_deinit(&entry);
	return err;
}
