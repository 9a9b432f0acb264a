/* SPDX-License-Identifier: MIT */
/* A crash in the vault is told to whoever wants to know. */
#include "cli/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/log.h"
#include "common/cleanup.h"
#include "common/deadline.h"
#include "common/inert.h"

/* One explanation at a time, and few that wait: a storm of crashes is kept, but not all of it explained. Bytes of the
 * lock file are locked, the first by whoever explains, one of the others by whoever waits. */
#define LOCK_NAME ".publish.lock"
#define LOCK_ELSEWHERE "/run/corelate.publish.lock"
#define LOCK_SECONDS 120
#define LOCK_SEATS 16

char *publish_inert(const char *text)
{
	char *inert = NULL;
	size_t size;
	FILE *out;

	if (!text)
		return NULL;
	out = open_memstream(&inert, &size);
	if (!out)
		return NULL;
	inert_write(text, out);
	if (fclose(out) != 0) {
		free(inert);
		return NULL;
	}
	return inert;
}

static bool lock_byte(int fd, off_t at)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static struct error *await_turn(int fd)
{
	const struct deadline end = deadline_in_ms(LOCK_SECONDS * 1000);
	off_t seat = 1;

	while (seat <= LOCK_SEATS && !lock_byte(fd, seat))
		seat++;
	if (seat > LOCK_SEATS)
		return error_format(ERROR_SYSTEM, "%d others wait for it already", LOCK_SEATS);
	while (!lock_byte(fd, 0)) {
		if (deadline_is_over(end))
			return error_format(ERROR_SYSTEM, "others have been explained for %d s", LOCK_SECONDS);
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	return NULL;
}

static int open_lock(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* On a disk that is full, or without a vault, it is elsewhere. ERROR_SYSTEM: it is not this one's turn. What cannot be
 * locked at all is explained without. */
static struct error *take_lock(const struct vault *vault, int *ret_fd)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	struct error *err;

	if (vault && asprintf(&path, "%s/" LOCK_NAME, vault_path(vault)) < 0) {
		path = NULL;
		return &error_no_memory;
	}
	if (path)
		fd = open_lock(path);
	if (fd < 0)
		fd = open_lock(LOCK_ELSEWHERE);
	if (fd < 0)
		return NULL;
	err = await_turn(fd);
	if (!err)
		*ret_fd = take_fd(&fd);
	return err;
}

/* ---- the journal ---- */

struct fields {
	char *texts[20];
	int count;
};

static void add_text(struct fields *fields, const char *name, const char *value)
{
	char *field;

	if (value && value[0] && asprintf(&field, "CORELATE_%s=%s", name, value) >= 0)
		fields->texts[fields->count++] = field;
}

static void add_number(struct fields *fields, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	add_text(fields, name, text);
}

const char *publish_core_state(const struct vault_entry *entry)
{
	return !entry->has_core ? "absent" : entry->crash.truncated ? "cut" : "present";
}

static void tell_journal(const struct vault *vault, const struct vault_entry *entry, const struct verdict *verdict,
			 bool has_report)
{
	const struct vault_crash *crash = &entry->crash;
	cleanup_free char *comm = publish_inert(crash->comm), *exe = publish_inert(crash->exe);
	cleanup_free char *note = publish_inert(crash->note);
	cleanup_free char *report = NULL, *message = NULL;
	struct fields fields = {.texts = {strdup("MESSAGE_ID=" LOG_MESSAGE_CRASH)}, .count = 1};
	const char *name = sigabbrev_np(crash->signal);

	if (has_report && asprintf(&report, "%s/%s/report.json", vault_path(vault), entry->name) < 0)
		report = NULL;
	add_text(&fields, "ENTRY", entry->name);
	add_text(&fields, "REPORT", report);
	add_text(&fields, "CRASH_ID", verdict->id);
	add_text(&fields, "CLASS", verdict->class);
	add_text(&fields, "CONFIDENCE", verdict->confidence);
	add_text(&fields, "SIGNATURE", verdict->signature);
	add_text(&fields, "SUMMARY", verdict->summary);
	add_number(&fields, "PID", crash->pid);
	add_number(&fields, "TID", crash->tid);
	add_number(&fields, "UID", crash->uid);
	add_number(&fields, "SIGNAL", crash->signal);
	add_text(&fields, "CORE", publish_core_state(entry));
	add_text(&fields, "NOTE", note);
	add_text(&fields, "COMM", comm);
	add_text(&fields, "EXE", exe);
	if (asprintf(&message, "%s (pid %" PRIu32 ") died of SIG%s%s%s%s%s", comm ?: "?", crash->pid, name ?: "?",
		     verdict->class[0] ? ": " : "", verdict->class, verdict->summary[0] ? ": " : "",
		     verdict->summary) < 0)
		message = NULL;
	log_fields(LOG_LEVEL_CRITICAL, message ?: "a process died", fields.texts, fields.count);
	for (int i = 0; i < fields.count; i++)
		free(fields.texts[i]);
}

/* ---- all of it ---- */

/* `vault`: NULL for none. */
static struct error *publish_entry(struct vault *vault, const struct vault_entry *entry,
				   const struct vault_settings *settings, const struct process_files *files, bool fresh,
				   struct verdict *ret_verdict)
{
	struct verdict verdict = {0};
	cleanup_free char *report = NULL;
	cleanup_fd int lock = -1;
	size_t bytes = 0;
	bool is_turn;
	struct error *err = take_lock(vault, &lock);

	is_turn = !err;
	if (!err)
		err = publish_explain(vault, entry, settings, files, fresh, &verdict, &report, &bytes);
	if (!err && entry->name)
		err = vault_write_report(vault, entry->name, report, bytes);
	tell_journal(vault, entry, &verdict, report && entry->name && !err);
	if (is_turn)
		publish_run_hooks(vault, entry, settings, &verdict, report, bytes);
	if (!err)
		*ret_verdict = verdict;
	return err;
}

static struct error *publish_all(struct vault *vault, const char *entry_name, const struct vault_settings *settings,
				 const struct process_files *files, bool fresh, struct verdict *ret_verdict)
{
	struct vault_entry entry;
	struct error *err = vault_read(vault, entry_name, &entry);

	if (err)
		return err;
	err = entry.problem ? error_format(ERROR_INVALID, "%s", entry.problem)
			    : publish_entry(vault, &entry, settings, files, fresh, ret_verdict);
	vault_entry_deinit(&entry);
	return error_prefix(err, "%s is not explained", entry_name);
}

struct error *publish(struct vault *vault, const char *entry_name, const struct vault_settings *settings, bool fresh,
		      struct verdict *ret_verdict)
{
	return publish_all(vault, entry_name, settings, NULL, fresh, ret_verdict);
}

struct error *publish_captured(struct vault *vault, const char *entry_name, const struct vault_settings *settings,
			       const struct process_files *files, struct verdict *ret_verdict)
{
	return publish_all(vault, entry_name, settings, files, true, ret_verdict);
}

struct error *publish_unkept(struct vault *vault, const struct vault_crash *crash,
			     const struct vault_settings *settings, const struct process_files *files,
			     struct verdict *ret_verdict)
{
	/* Its strings are still the caller's. */
	const struct vault_entry entry = {.crash = *crash};

	return error_prefix(publish_entry(vault, &entry, settings, files, true, ret_verdict), "it is not explained");
}
