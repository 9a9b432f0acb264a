/* SPDX-License-Identifier: MIT */
#include "cli/publish_child.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/elf/elf_host.h"
#include "analyzer/causes.h"
#include "analyzer/assemble/assemble.h"
#include "analyzer/report/report.h"
#include "cli/privilege.h"
#include "cli/publish.h"
#include "common/cleanup.h"
#include "common/deadline.h"
#include "schema/reader.h"
#include "schema/reader_deaths.h"
#include "schema/record_death.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"

/* How long a running recorder may take to store what it has seen: it writes several times a second. */
#define RECORD_SECONDS 5

/* ---- the child: before it gives up its rights ---- */

/* SQLite opens the log and its index for writing where it may. The child must not: it sees the directory read-only, in
 * a mount namespace of its own. A kernel or a container that refuses leaves it without these walls,
 * but not with more rights than the caller has. */
static void wall_in(const char *database)
{
	cleanup_free char *directory = strdup(database);
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (geteuid() != 0 || !slash)
		return;
	slash[slash == directory] = 0;
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount(directory, directory, NULL, MS_BIND, NULL) == 0)
		mount(NULL, directory, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
}

/* No record is no error: the core is explained without one. */
static struct store_reader *open_record(const char *database)
{
	cleanup_by(store_reader_destroy) struct store_reader *store = NULL;
	struct error *err;
	struct recording recording;

	if (access(database, F_OK) != 0)
		return NULL;
	wall_in(database);
	/* Reading makes SQLite open all the files that it will need. */
	err = store_reader_create(database, &store) ?: store_reader_newest_recording(store, &recording);
	if (err) {
		error_destroy(err);
		return NULL;
	}
	recording_deinit(&recording);
	return take_pointer(store);
}

/* ---- the child: without rights ---- */

static bool find_death(struct store_reader *store, const struct vault_crash *crash, struct signal_event *ret)
{
	cleanup_free struct space *spaces = NULL;
	size_t count = 0;
	bool found = false;

	if (crash->has_auxv)
		error_destroy(store_reader_find_spaces(store, crash->auxv_sysinfo_ehdr, crash->auxv_random,
						       crash->auxv_entry, crash->auxv_base, &spaces, &count));
	for (size_t i = 0; i < count && !found; i++) {
		cleanup_free struct process *users = NULL;
		size_t user_count = 0;

		error_destroy(store_reader_space_users(store, spaces[i].id, &users, &user_count));
		/* A fork has its parent's auxiliary vector, and so has one that shares its space. */
		for (size_t user = 0; user < user_count && !found; user++) {
			struct error *err;

			if (users[user].pid != crash->pid)
				continue;
			err = store_reader_fatal_signal_in(store, spaces[i].id, users[user].id, ret);
			found = !err;
			error_destroy(err);
		}
	}
	return found;
}

/* True when nothing more is to come about a death at that moment. */
static bool is_complete(struct store_reader *store, const struct vault_crash *crash)
{
	struct recording recording;
	struct error *err = store_reader_newest_recording(store, &recording);
	bool complete;

	if (err) {
		error_destroy(err);
		return true;
	}
	complete = strcmp(recording.boot_id, crash->boot_id) != 0 || recording.ended_ns ||
		   recording.last_commit_ns > crash->boot_time_ns;
	recording_deinit(&recording);
	return complete;
}

/* The death alone is not enough: what was lost before it is told by gaps, which the recorder stores before it claims to
 * be complete until then. An explanation that is made in between would say "nothing happened" over a loss. */
static bool await_death(struct store_reader *store, const struct vault_crash *crash, bool fresh,
			struct signal_event *ret)
{
	const struct deadline end = deadline_in_ms(RECORD_SECONDS * 1000);

	while (fresh && !is_complete(store, crash) && !deadline_is_over(end))
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	return find_death(store, crash, ret);
}

/* NULL: this machine's files as they are now. */
static struct elf_host *hold_files(const struct process_files *files)
{
	struct elf_host *host = NULL;
	struct error *err = files ? elf_host_create_held(&host) : NULL;

	for (size_t i = 0; !err && files && i < files->count; i++)
		err = elf_host_hold(host, files->files[i].path, files->files[i].fd);
	error_destroy(err); /* what is not held is looked for */
	return host;
}

static struct error *open_core(const struct publish_task *task, struct elf_host *host, struct core **ret_core)
{
	int fd = task->core_fd;
	struct error *err = NULL;
	char path[64];

	if (fd < 0)
		return NULL;
	if (task->is_packed)
		err = vault_unpack(fd, task->entry->crash.core_bytes, &fd);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	limits_begin(&task->limits, task->core_name ?: "it");
	return core_open(path, ret_core) ?: core_find_modules_of(*ret_core, host);
}

static struct error *write_verdict(const struct report *report, FILE *out)
{
	const struct finding *finding = &report->findings->findings[0];
	cleanup_free char *summary = publish_inert(report->findings->count ? finding->summary : "");

	fprintf(out, "%s\n%s\n%s\n%s\n%.1000s\n", report->crash->facts.id,
		report->findings->count ? finding_class_name(finding->class) : "",
		report->findings->count ? finding_confidence_name(finding_cause_confidence(finding)) : "",
		report->signature, summary ?: "");
	return report_write_json(report, out);
}

static struct error *explain(const struct publish_task *task, struct store_reader *store, FILE *out)
{
	struct assemble_request request = {
		.store = store, .core_name = task->core_name, .host = hold_files(task->files)};
	struct finding_list findings = {0};
	struct signal_event signal;
	struct crash crash = {0};
	struct report report;
	bool has_signal = store && await_death(store, &task->entry->crash, task->fresh, &signal);
	struct error *err = open_core(task, request.host, &request.core);

	/* The record alone can tell. */
	if (err && has_signal) {
		error_destroy(err);
		err = NULL;
		request.core = NULL;
	}
	if (!err && !request.core && !has_signal)
		return error_format(ERROR_NOT_FOUND, "there is neither a core nor a record of it");
	if (!request.core)
		request.signal = &signal;
	limits_begin(&task->limits, task->core_name ?: "it");
	if (!err)
		err = assemble_crash(&request, &crash);
	if (!err && task->entry->crash.note)
		err = crash_add_note(&crash.notes, "%s", task->entry->crash.note);
	if (!err)
		err = causes_judge(&crash, &findings);
	limits_end();
	/* The process ends: nothing is freed. */
	if (err)
		return err;
	report_init(&report, &crash, &findings);
	return write_verdict(&report, out);
}

unsigned publish_seconds(const struct publish_task *task)
{
	return (unsigned)(task->limits.time_ns / 1000000000 + PUBLISH_SECONDS);
}

static int answer_fd;

/* As an error of explain(), but from where stdio cannot be used; nothing has been written yet. */
static void __attribute__((noreturn)) stop(const char *sentence)
{
	_exit(write(answer_fd, sentence, strlen(sentence)) > 0 ? 2 : 1);
}

int publish_work(void *context, const int ends[CHILD_STREAMS])
{
	const struct publish_task *task = context;
	const struct rlimit time_limit = {publish_seconds(task), publish_seconds(task)};
	struct publish_task limited = *task;
	struct store_reader *store;
	struct plain_user user;
	struct error *err;
	FILE *out = fdopen(ends[CHILD_ANSWER], "w");

	prctl(PR_SET_NAME, "corelate-explai", 0, 0, 0);
	plain_user_find(&user);
	/* A container may refuse both walls. */
	if (geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWIPC) != 0)
		errno = 0;
	store = open_record(task->database);
	setrlimit(RLIMIT_CPU, &time_limit);
	setpriority(PRIO_PROCESS, 0, 10);
	err = privilege_drop(&user);
	if (err || !out)
		return 1;
	answer_fd = ends[CHILD_ANSWER];
	limited.limits.stop = stop;
	err = explain(&limited, store, out);
	if (err)
		fprintf(out, "%s", err->message);
	return fclose(out) == 0 ? err ? 2 : 0 : 1;
}
