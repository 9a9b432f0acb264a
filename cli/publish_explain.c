/* SPDX-License-Identifier: MIT */
/* The explanation of a kept crash: from its child's words to a report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/publish.h"
#include "cli/publish_child.h"
#include "common/child.h"
#include "common/cleanup.h"
#include "common/inert.h"

#define REPORT_BYTES_MAX (64u << 20)

/* The child's words are no more to be trusted than the core: a line at most, of nothing that does harm anywhere. */
static char *take_line(char *text, char *ret, size_t size)
{
	size_t length = strcspn(text, "\n"), used = 0;

	if (!text[length])
		return NULL;
	for (size_t i = 0, bytes; i < length; i += bytes ? bytes : 1) {
		bytes = inert_length(text + i, length - i);
		if (used + bytes >= size)
			break;
		memcpy(ret + used, text + i, bytes);
		used += bytes;
	}
	ret[used] = 0;
	return text + length + 1;
}

static struct error *split(char *text, struct verdict *verdict, char **ret_report)
{
	char *at = take_line(text, verdict->id, sizeof(verdict->id));

	at = at ? take_line(at, verdict->class, sizeof(verdict->class)) : NULL;
	at = at ? take_line(at, verdict->confidence, sizeof(verdict->confidence)) : NULL;
	at = at ? take_line(at, verdict->signature, sizeof(verdict->signature)) : NULL;
	at = at ? take_line(at, verdict->summary, sizeof(verdict->summary)) : NULL;
	if (!at)
		return error_format(ERROR_INVALID, "the explanation makes no sense");
	*ret_report = inert_json_text(at);
	return *ret_report ? NULL : &error_no_memory;
}

static struct error *judge(char *text, struct child_status status, struct verdict *verdict, char **ret_report)
{
	if (status.signal)
		return error_format(ERROR_SYSTEM, "the process that explains died of signal %d", status.signal);
	if (status.exit_code == 2) {
		cleanup_free char *inert = publish_inert(text);

		return error_format(ERROR_INVALID, "%.1000s", inert ?: "?");
	}
	if (status.exit_code > 0)
		return error_format(ERROR_SYSTEM, "the process that explains failed");
	return split(text, verdict, ret_report);
}

static struct error *run(struct publish_task *task, struct verdict *verdict, char **ret_report)
{
	const struct child_task child_task = {.work = publish_work, .context = task, .pipes = CHILD_PIPE(CHILD_ANSWER)};
	const unsigned seconds = publish_seconds(task);
	cleanup_child struct child child = CHILD_NONE;
	cleanup_free char *text = NULL;
	struct child_status status;
	struct error *err = child_start(&child_task, &child);
	size_t size;

	if (err)
		return err;
	err = child_read_text(&child, CHILD_ANSWER, deadline_in_ms(seconds * 1000ull), REPORT_BYTES_MAX,
			      "the explanation", &text, &size);
	if (err && err->system_errno == ETIMEDOUT) {
		error_destroy(err);
		return error_format(ERROR_SYSTEM, "explaining took over %u s", seconds);
	}
	if (err)
		return err;
	/* It has said what it had to say: one that stays would hold the lock, and up all crashes that come. */
	if (!child_await(&child, deadline_in_ms(5000), &status))
		status = child_kill(&child);
	return judge(text, status, verdict, ret_report);
}

struct error *publish_explain(struct vault *vault, const struct vault_entry *entry,
			      const struct vault_settings *settings, const struct process_files *files, bool fresh,
			      struct verdict *ret_verdict, char **ret_report, size_t *ret_bytes)
{
	struct publish_task task = {
		.entry = entry,
		.core_fd = -1,
		.database = settings->database,
		.files = files,
		.fresh = fresh,
		.limits = {.time_ns = settings->explain_time_ns,
			   .memory_bytes = settings->explain_memory_bytes,
			   .time_option = "--time-limit (or ExplainTime in " VAULT_SETTINGS_PATH ")",
			   .memory_option = "--memory-limit (or ExplainMemory in " VAULT_SETTINGS_PATH ")"}};
	cleanup_free char *name = NULL, *report = NULL;
	struct verdict verdict = {0};
	cleanup_fd int core = -1;
	struct error *err = NULL;

	if (entry->has_core)
		err = vault_open_stored_core(vault, entry, &core, &task.is_packed);
	if (err)
		return err;
	if (entry->name &&
	    asprintf(&name, "%s/%s/core%s", vault_path(vault), entry->name, task.is_packed ? ".zst" : "") < 0) {
		name = NULL;
		return &error_no_memory;
	}
	task.core_fd = core;
	task.core_name = name;
	err = run(&task, &verdict, &report);
	if (err)
		return err;
	*ret_verdict = verdict;
	*ret_bytes = strlen(report);
	*ret_report = take_pointer(report);
	return NULL;
}
