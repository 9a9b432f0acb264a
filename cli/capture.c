/* SPDX-License-Identifier: MIT */
/* corelate capture: the kernel's core dump handler. It keeps the core, lets the dying process go, and explains. */
#include "cli/capture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/log.h"
#include "cli/publish.h"
#include "common/cleanup.h"

/* The kernel's handler runs with a soft RLIMIT_CORE of 1; a process may have that too. Smaller than a page is none. */
#define LEAST_LIMIT 4096
/* What a crash without its core and its report takes, and some more. */
#define LEAST_ROOM (1u << 20)

struct capture {
	struct capture_words words;
	struct vault_settings settings;
	struct vault_crash crash;
	bool is_forbidden;
	struct vault *vault;
	struct process_files files;
};

/* Told when the dying process is gone: it may be the journal's. */
static void tell_mistake(struct error *err)
{
	/* A slip of the pen must not lose a crash. */
	if (err)
		log_write(LOG_LEVEL_ERROR, "%s; the default holds instead", err->message);
	error_destroy(err);
}

/* The soft limit, where somebody has set one; 0 is what most systems begin with and means nothing. */
static uint64_t most_bytes(const struct capture *capture)
{
	uint64_t most = capture->settings.most_core_bytes, own = capture->words.limit;

	if (capture->words.has_limit && own >= LEAST_LIMIT && (!most || own < most))
		return own;
	return most;
}

/* Consumes the text, which may be NULL. */
static void note(struct vault_crash *crash, char *text)
{
	free(crash->note);
	crash->note = text;
}

static void __attribute__((format(printf, 2, 3))) note_format(struct vault_crash *crash, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	note(crash, text);
}

/* Without its core the crash is still one. Consumes the error. */
static void lose_core(struct vault_crash *crash, struct error *err)
{
	crash->core_bytes = 0;
	crash->truncated = false;
	note_format(crash, "no core was kept: %s", err->message);
	error_destroy(err);
}

/* Why there is not all of it; the caller frees it. */
static char *why_cut(const struct capture *capture, const struct vault_packed *packed)
{
	char *text = NULL;

	switch (packed->end) {
	case VAULT_PACK_WHOLE:
		return NULL;
	case VAULT_PACK_TOO_LARGE:
		return strdup("it is larger than MaxCoreSize or its RLIMIT_CORE allow");
	case VAULT_PACK_NO_ROOM:
		return strdup("less than KeepFree was left on the disk");
	case VAULT_PACK_STOPPED:
		if (asprintf(&text, "reading it took over %" PRIu64 " s (CoreTimeout)",
			     capture->settings.core_timeout_s) < 0)
			text = NULL;
		return text;
	case VAULT_PACK_FAILED:
		return strdup(packed->reason);
	}
	return NULL;
}

/* Sets what the metadata say of the core. */
static void judge(struct capture *capture, const struct vault_packed *packed)
{
	struct vault_crash *crash = &capture->crash;
	cleanup_free char *why = why_cut(capture, packed);

	crash->core_bytes = packed->core_bytes;
	crash->truncated = packed->end != VAULT_PACK_WHOLE;
	if (crash->truncated)
		note_format(crash, "the core is cut short: %s", why ?: "?");
	/* Without its notes nothing can be made of it; the rest is still worth knowing. */
	if (packed->has_notes)
		return;
	crash->core_bytes = 0;
	if (!crash->truncated)
		note_format(crash, "what the kernel wrote is no core");
	else
		note_format(crash, "no core was kept: %s", why ?: "?");
}

static struct error *take_core(struct capture *capture, struct vault_draft *draft)
{
	struct vault_pack_limits limits = {
		.most_bytes = most_bytes(capture),
		.keep_free = vault_settings_keep_free(&capture->settings, capture->settings.vault),
	};
	struct vault_packed packed;
	struct error *err;

	if (capture->is_forbidden) {
		capture_release();
		note_format(&capture->crash, "no core was kept: the process's hard RLIMIT_CORE is 0");
		return NULL;
	}
	err = capture_drain(draft, false, &limits, capture->settings.core_timeout_s, &packed);
	if (!err)
		judge(capture, &packed);
	return err;
}

static void log_pruned(void *context, const struct vault_pruned *pruned)
{
	(void)context;
	log_write(LOG_LEVEL_INFO, "removed %s: %s", pruned->name, pruned->why);
}

static struct error *keep_within_bounds(struct capture *capture)
{
	struct vault_prune_limits limits = {
		.most_bytes = capture->settings.most_bytes,
		.most_age_s = capture->settings.most_age_s,
		.keep_free = vault_settings_keep_free(&capture->settings, capture->settings.vault),
	};
	struct vault_pruned_sum sum;

	return vault_prune(capture->vault, &limits, log_pruned, NULL, &sum);
}

/* Older crashes make room for a new one, which takes a few blocks without its core. */
static void make_room(struct capture *capture)
{
	struct vault_prune_limits limits = {.keep_free = LEAST_ROOM};
	struct vault_pruned_sum sum;

	error_destroy(vault_prune(capture->vault, &limits, log_pruned, NULL, &sum));
}

/* The crash without its core, for the reason in its note. */
static struct error *keep_facts(struct capture *capture, char **ret_name)
{
	struct vault_draft *draft = NULL;

	make_room(capture);
	return vault_draft_create(capture->vault, &draft) ?: vault_draft_commit(draft, &capture->crash, ret_name);
}

/* From the pipe into the vault. On an error there is no entry. */
static struct error *keep(struct capture *capture, char **ret_name)
{
	struct vault_draft *draft = NULL;
	struct error *err = vault_open(capture->settings.vault, true, &capture->vault);

	if (err)
		return err;
	err = vault_draft_create(capture->vault, &draft) ?: take_core(capture, draft);
	/* Whatever happened, the process that dies waits no longer. */
	capture_release();
	if (!err) {
		err = vault_draft_commit(take_pointer(draft), &capture->crash, ret_name);
		if (!err)
			return NULL;
	}
	vault_draft_abandon(draft);
	lose_core(&capture->crash, err);
	return keep_facts(capture, ret_name);
}

/* What could not be kept is told all the same. Consumes `failure`. */
static struct error *tell_unkept(struct capture *capture, struct error *failure)
{
	struct vault_crash *crash = &capture->crash;
	struct verdict verdict;
	struct error *err = NULL;

	if (!crash->note)
		note_format(crash, "no core was kept: %s", failure->message);
	log_write(LOG_LEVEL_ERROR, "%s (pid %u) died; it could not be kept: %s", crash->comm ?: "?", crash->pid,
		  failure->message);
	if (capture->settings.explain)
		err = publish_unkept(capture->vault, crash, &capture->settings, &capture->files, &verdict);
	if (err)
		log_write(LOG_LEVEL_WARNING, "%s", err->message);
	error_destroy(err);
	return failure;
}

static struct error *capture_all(struct capture *capture, bool by_kernel)
{
	cleanup_free char *name = NULL;
	struct verdict verdict;
	struct error *err = capture_read_process(&capture->words, by_kernel, &capture->crash, &capture->is_forbidden);

	if (err)
		return err;
	if (capture->settings.explain)
		process_files_open(capture->words.pid, &capture->files);
	err = keep(capture, &name);
	capture_release();
	if (err)
		return tell_unkept(capture, err);
	log_write(LOG_LEVEL_INFO, "%s (pid %u) died; kept as %s%s%s", capture->crash.comm ?: "?", capture->crash.pid,
		  name, capture->crash.note ? ": " : "", capture->crash.note ?: "");
	err = keep_within_bounds(capture);
	if (err)
		log_write(LOG_LEVEL_WARNING, "the vault is not kept within its bounds: %s", err->message);
	error_destroy(err);
	if (!capture->settings.explain)
		return NULL;
	err = publish_captured(capture->vault, name, &capture->settings, &capture->files, &verdict);
	if (err)
		log_write(LOG_LEVEL_WARNING, "%s", err->message);
	error_destroy(err);
	return NULL;
}

static struct error *run_capture(const struct cli_options *options, int *ret_status)
{
	struct capture capture = {0};
	struct error *err, *mistake = NULL;
	bool by_kernel;

	log_begin(&by_kernel);
	umask(077);
	err = capture_words_parse(options->arguments, options->argument_count, &capture.words);
	if (err) {
		capture_release();
		if (!by_kernel) {
			*ret_status = CLI_USAGE;
			return err;
		}
	} else {
		mistake = vault_settings_read(options->config ?: VAULT_SETTINGS_PATH, options->config != NULL,
					      &capture.settings);
		err = capture_all(&capture, by_kernel);
	}
	tell_mistake(mistake);
	if (err) {
		log_write(LOG_LEVEL_ERROR, "cannot capture the crash of process %u: %s", capture.words.pid,
			  err->message);
		*ret_status = CLI_FAILED;
	}
	error_destroy(err);
	vault_crash_deinit(&capture.crash);
	process_files_deinit(&capture.files);
	vault_destroy(capture.vault);
	return NULL;
}

const struct cli_command cli_capture = {
	.name = "capture",
	.arguments = "WORD...",
	.summary = "keep and explain a core that the kernel hands over",
	.details = "The kernel runs this, as root, when a process dies, once corelate install has told it to. The\n"
		   "core comes on standard input; it is packed and stored by a process without any privilege, within\n"
		   "the bounds of capture.conf. Then the dying process is let go, the crash is explained, the journal\n"
		   "is told, and the programs in the directory of hooks run.\n"
		   "\n"
		   "Each WORD is LETTER=VALUE with a letter of core(5):\n"
		   "  " CAPTURE_WORDS "\n",
	.flags = CLI_CONFIG,
	.least = 1,
	.most = 64,
	.run = run_capture,
};
