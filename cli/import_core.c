/* SPDX-License-Identifier: MIT */
/* From a core's file, or from what is known without one, to an entry of the vault. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/words.h"
#include "cli/capture.h"
#include "cli/import.h"
#include "cli/import_name.h"
#include "cli/log.h"
#include "cli/progress.h"
#include "cli/publish.h"
#include "common/cleanup.h"
#include "common/vector.h"

#define NS_PER_SECOND 1000000000LL
/* The journal's, the file's and the kernel's idea of one moment. */
#define SAME_TIME_NS (3 * NS_PER_SECOND / 2)

/* ---- what is there already ---- */

static bool is_same_moment(const struct vault_crash *one, const struct vault_crash *other)
{
	int64_t apart;

	if (__builtin_sub_overflow(one->time_ns, other->time_ns, &apart))
		return false;
	return apart <= SAME_TIME_NS && apart >= -SAME_TIME_NS;
}

static bool is_same_space(const struct vault_crash *one, const struct vault_crash *other)
{
	/* Two that say who they were, and say different things, are two. */
	if (one->boot_id[0] && other->boot_id[0] && one->pid && other->pid &&
	    (strcmp(one->boot_id, other->boot_id) != 0 || one->pid != other->pid))
		return false;
	return one->has_auxv && other->has_auxv && one->auxv_sysinfo_ehdr == other->auxv_sysinfo_ehdr &&
	       one->auxv_random == other->auxv_random && one->auxv_entry == other->auxv_entry &&
	       one->auxv_base == other->auxv_base && one->namespace_pid == other->namespace_pid &&
	       one->signal == other->signal && one->core_bytes == other->core_bytes;
}

const struct vault_entry *import_find_known(const struct importer *importer, const struct vault_crash *crash, bool core)
{
	for (size_t i = 0; i < importer->known_count; i++) {
		const struct vault_crash *known = &importer->known[i].crash;

		if (importer->known[i].problem)
			continue;
		if (crash->origin && known->origin && strcmp(crash->origin, known->origin) == 0)
			return &importer->known[i];
		if (crash->boot_id[0] && crash->pid && strcmp(crash->boot_id, known->boot_id) == 0 &&
		    crash->pid == known->pid && is_same_moment(crash, known))
			return &importer->known[i];
		if (core && is_same_space(crash, known))
			return &importer->known[i];
	}
	return NULL;
}

static struct error *remember(struct importer *importer, const char *name)
{
	struct vault_entry entry;
	struct error *err = vault_read(importer->vault, name, &entry);

	if (err)
		return err;
	err = array_push(importer->known, importer->known_count, entry);
	if (err)
		vault_entry_deinit(&entry);
	return err;
}

/* ---- what is known beside the core ---- */

static void set_text(char **text, const char *value)
{
	if (!*text && value[0])
		*text = strdup(value);
}

static void read_number(int fd, const char *name, uint64_t most, uint64_t *ret)
{
	char text[32];
	ssize_t length = fgetxattr(fd, name, text, sizeof(text) - 1);
	char *end;

	if (length <= 0)
		return;
	text[length] = 0;
	if (strspn(text, "0123456789") == (size_t)length) {
		uint64_t value = strtoull(text, &end, 10);

		*ret = value <= most ? value : *ret;
	}
}

static void read_text(int fd, const char *name, char **text)
{
	char value[4096];
	ssize_t length = *text ? 0 : fgetxattr(fd, name, value, sizeof(value) - 1);

	if (length <= 0)
		return;
	value[length] = 0;
	set_text(text, value);
}

/* systemd-coredump's extended attributes (coredump.c, fix_xattr). Only what nobody has told yet. */
static void take_attributes(int fd, struct vault_crash *crash)
{
	uint64_t pid = crash->pid, uid = crash->uid, gid = crash->gid, signal = (uint64_t)crash->signal;

	read_number(fd, "user.coredump.pid", INT32_MAX, &pid);
	read_number(fd, "user.coredump.uid", UINT32_MAX, &uid);
	read_number(fd, "user.coredump.gid", UINT32_MAX, &gid);
	read_number(fd, "user.coredump.signal", 127, &signal);
	crash->pid = (uint32_t)pid;
	crash->uid = (uint32_t)uid;
	crash->gid = (uint32_t)gid;
	crash->signal = (int32_t)signal;
	read_text(fd, "user.coredump.comm", &crash->comm);
	read_text(fd, "user.coredump.exe", &crash->exe);
	read_text(fd, "user.coredump.hostname", &crash->hostname);
}

static void take_name(const char *path, struct vault_crash *crash)
{
	const char *slash = strrchr(path, '/');
	struct import_name name;

	if (!import_name_parse(slash ? slash + 1 : path, &name))
		return;
	crash->pid = crash->pid ?: name.pid;
	crash->uid = crash->uid ?: name.uid;
	crash->time_ns = crash->time_ns ?: name.time_ns;
	if (!crash->boot_id[0])
		memcpy(crash->boot_id, name.boot_id, sizeof(crash->boot_id));
	set_text(&crash->comm, name.comm);
}

static void take_look(const struct import_look *look, struct vault_crash *crash)
{
	crash->has_auxv = look->has_auxv;
	crash->auxv_sysinfo_ehdr = look->auxv_sysinfo_ehdr;
	crash->auxv_random = look->auxv_random;
	crash->auxv_entry = look->auxv_entry;
	crash->auxv_base = look->auxv_base;
	crash->namespace_pid = look->namespace_pid;
	crash->namespace_tid = look->namespace_tid;
	crash->signal = crash->signal ?: look->signal;
	if (!crash->boot_id[0]) /* else somebody has told, and 0 is root */
		crash->uid = look->uid;
	set_text(&crash->comm, look->comm);
	set_text(&crash->exe, look->executable);
	if (look->truncated && !crash->truncated) {
		crash->truncated = true;
		set_text(&crash->note, "the core was cut short before it was imported");
	}
}

/* ---- the core ---- */

/* A read lease is given only on a file that nobody has open for writing (fcntl(2), F_SETLEASE). Where the file system
 * has no leases, a file that was written to in the last two seconds is taken for one that grows. */
static bool is_being_written(int fd, const struct stat *status)
{
	struct timespec now;

	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		fcntl(fd, F_SETLEASE, F_UNLCK);
		return false;
	}
	if (errno == EAGAIN)
		return true;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec - status->st_mtime < 2;
}

static struct error *set_origin(const char *path, const struct stat *status, struct vault_crash *crash)
{
	cleanup_free char *absolute = realpath(path, NULL);

	free(crash->origin);
	if (asprintf(&crash->origin, "%s (%jd bytes of %jd.%09ld)", absolute ?: path, (intmax_t)status->st_size,
		     (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec) >= 0)
		return NULL;
	crash->origin = NULL;
	return &error_no_memory;
}

static struct error *judge(const struct importer *importer, const struct vault_packed *packed)
{
	if (packed->end == VAULT_PACK_TOO_LARGE)
		return error_format(ERROR_INVALID, "it unpacks to more than %" PRIu64 " bytes (MaxCoreSize in %s)",
				    importer->settings.most_core_bytes, VAULT_SETTINGS_PATH);
	if (packed->end == VAULT_PACK_NO_ROOM)
		return error_format(ERROR_SYSTEM, "there is not enough room in %s for it (KeepFree in %s)",
				    vault_path(importer->vault), VAULT_SETTINGS_PATH);
	/* What is there can be imported again. */
	if (packed->end == VAULT_PACK_STOPPED)
		return error_format(ERROR_SYSTEM, "it took over %" PRIu64 " s (CoreTimeout in %s)",
				    importer->settings.core_timeout_s, VAULT_SETTINGS_PATH);
	if (packed->end == VAULT_PACK_FAILED)
		return error_format(ERROR_SYSTEM, "%s", packed->reason);
	if (!packed->has_notes)
		return error_format(ERROR_INVALID, "not a core file");
	return NULL;
}

/* Packs the file that `fd` is, and looks at what came out. */
static struct error *fill(struct importer *importer, int fd, struct vault_draft *draft, struct vault_crash *crash)
{
	struct vault_pack_limits limits = {
		.most_bytes = importer->settings.most_core_bytes,
		.keep_free = vault_settings_keep_free(&importer->settings, importer->settings.vault),
	};
	struct import_look look;
	struct vault_packed packed;
	cleanup_fd int readable = -1;
	int writable;
	char path[64];
	struct error *err = vault_draft_core(draft, &writable);

	if (err)
		return err;
	if (dup2(fd, STDIN_FILENO) < 0)
		return error_errno(errno, "cannot hand the core over");
	err = capture_drain(draft, /* foreign= */ true, &limits, importer->settings.core_timeout_s, &packed)
		      ?: judge(importer, &packed);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writable);
	readable = open(path, O_RDONLY | O_CLOEXEC);
	if (readable < 0)
		return error_errno(errno, "cannot read what was packed");
	err = import_look(readable, packed.core_bytes, &importer->settings, &look);
	if (err)
		return err;
	crash->core_bytes = packed.core_bytes;
	take_look(&look, crash);
	return NULL;
}

/* The verdict, for the line that is told; the caller frees it. NULL when there is none. */
static char *explain(struct importer *importer, const char *name)
{
	cleanup_free char *report = NULL;
	struct verdict verdict = {0};
	cleanup_with(vault_entry_deinit) struct vault_entry entry = {0};
	struct error *err;
	struct words words;
	size_t bytes;

	if (!importer->settings.explain)
		return NULL;
	if (importer->watching) {
		err = publish(importer->vault, name, &importer->settings, true, &verdict);
	} else {
		/* What happened long ago is no news: no hook runs. */
		err = vault_read(importer->vault, name, &entry)
			?: publish_explain(importer->vault, &entry, &importer->settings, /* files= */ NULL,
					   /* fresh= */ false, &verdict, &report, &bytes)
			?: vault_write_report(importer->vault, name, report, bytes);
	}
	/* The entry is there all the same, and can be explained later. */
	if (err)
		log_write(LOG_LEVEL_WARNING, "%s", err->message);
	error_destroy(err);
	return verdict.class[0] ? strdup(words_verdict(&words, verdict.class, verdict.confidence)) : NULL;
}

/* What was imported in one go is the timer's; what comes without end is not. Age is the timer's in any case: what is
 * older would be imported again and again. */
static void keep_within_bounds(struct importer *importer)
{
	const struct vault_settings *settings = &importer->settings;
	const struct vault_prune_limits limits = {
		.most_bytes = settings->most_bytes,
		.keep_free = vault_settings_keep_free(settings, settings->vault),
	};
	struct vault_pruned_sum sum;
	struct error *err = importer->watching ? vault_prune(importer->vault, &limits, NULL, NULL, &sum) : NULL;

	if (err)
		log_write(LOG_LEVEL_WARNING, "the vault is not kept within its bounds: %s", err->message);
	error_destroy(err);
}

static struct error *commit(struct importer *importer, struct vault_draft *draft, const char *path,
			    struct vault_crash *crash)
{
	cleanup_free char *name = NULL, *verdict = NULL;
	struct error *err;

	crash->source = VAULT_SYSTEMD;
	err = vault_draft_commit(draft, crash, &name) ?: remember(importer, name);
	if (err)
		return err;
	if (crash->core_bytes) {
		progress_begin("explaining", path);
		verdict = explain(importer, name);
		progress_end();
	}
	import_tell(importer, path, name, "imported", verdict, NULL);
	keep_within_bounds(importer);
	return NULL;
}

static uint64_t size_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static struct error *import_new(struct importer *importer, int fd, const char *path, struct vault_crash *crash)
{
	const struct vault_entry *known;
	struct vault_draft *draft;
	struct error *err = vault_draft_create(importer->vault, &draft);

	if (err)
		return err;
	progress_begin("importing", path);
	progress_follow(fd, size_of(fd));
	err = fill(importer, fd, draft, crash);
	progress_end();
	if (err) {
		vault_draft_abandon(draft);
		import_tell(importer, path, NULL, "refused", NULL, err);
		return NULL;
	}
	known = import_find_known(importer, crash, true);
	if (known) {
		vault_draft_abandon(draft);
		import_tell(importer, path, known->name, "present", NULL, NULL);
		return NULL;
	}
	return commit(importer, draft, path, crash);
}

struct error *import_core(struct importer *importer, int fd, const char *path, struct vault_crash *facts)
{
	const struct vault_entry *known;
	struct stat status;
	struct error *err;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		import_tell(importer, path, NULL, "refused", NULL, error_format(ERROR_INVALID, "not a regular file"));
		return NULL;
	}
	if (is_being_written(fd, &status)) {
		/* Its end need not be an event: a file without a name that was linked into place (systemd-coredump's)
		 * closes under the name that it had before. */
		if (importer->watching) {
			importer->postponed = true;
			return NULL;
		}
		import_tell(importer, path, NULL, "skipped", NULL,
			    error_format(ERROR_INVALID, "somebody is still writing to it"));
		return NULL;
	}
	take_name(path, facts);
	take_attributes(fd, facts);
	if (!facts->time_ns)
		facts->time_ns = status.st_mtim.tv_sec * NS_PER_SECOND + status.st_mtim.tv_nsec;
	err = set_origin(path, &status, facts);
	if (err)
		return err;
	known = import_find_known(importer, facts, false);
	if (known) {
		import_tell(importer, path, known->name, "present", NULL, NULL);
		return NULL;
	}
	return import_new(importer, fd, path, facts);
}

struct error *import_facts(struct importer *importer, struct vault_crash *facts)
{
	const struct vault_entry *known = import_find_known(importer, facts, false);
	struct vault_draft *draft;

	if (known) {
		import_tell(importer, facts->origin, known->name, "present", NULL, NULL);
		return NULL;
	}
	return vault_draft_create(importer->vault, &draft) ?: commit(importer, draft, facts->origin, facts);
}

struct error *import_path(struct importer *importer, const char *path, bool follow, struct vault_crash *facts)
{
	/* O_NONBLOCK: a FIFO must not hang. */
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));

	if (fd < 0) {
		import_tell(importer, path, NULL, "refused", NULL, error_format(ERROR_SYSTEM, "%s", strerror(errno)));
		return NULL;
	}
	return import_core(importer, fd, path, facts);
}
