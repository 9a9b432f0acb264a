/* SPDX-License-Identifier: MIT */
/* Which crash is meant, opened and explained. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/causes.h"
#include "bundle/bundle.h"
#include "cli/bundle_crash.h"
#include "cli/cli.h"
#include "cli/limits.h"
#include "cli/progress.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "vault/settings.h"
#include "vault/vault.h"

struct error *cli_open_store(const struct cli_options *options, struct store_reader **ret)
{
	struct error *err = store_reader_create(options->database, ret);

	if (!options->database_given && error_catch(&err, ERROR_NOT_FOUND)) {
		*ret = NULL;
		return NULL;
	}
	return err;
}

/* Where crashes are kept: $CORELATE_VAULT, else what capture.conf says. */
static struct error *open_vault(struct vault **ret)
{
	const char *named = getenv("CORELATE_VAULT");
	struct vault_settings settings;

	if (named && named[0])
		return vault_open(named, false, ret);
	/* Of a file with a mistake in it `capture` uses what it understands; so does this. */
	error_destroy(vault_settings_read(VAULT_SETTINGS_PATH, false, &settings));
	return vault_open(settings.vault, false, ret);
}

struct error *cli_open_sources(const struct cli_options *options, struct crash_sources *ret)
{
	const char *named = getenv("CORELATE_VAULT");
	struct error *err;

	*ret = (struct crash_sources){0};
	err = cli_open_store(options, &ret->store);
	if (err)
		return err;
	err = open_vault(&ret->vault);
	if (!(named && named[0]))
		ret->vault_forbidden = error_catch(&err, ERROR_PERMISSION);
	error_catch(&err, ERROR_NOT_FOUND);
	if (err)
		cli_close_sources(ret);
	return err;
}

void cli_close_sources(struct crash_sources *sources)
{
	store_reader_destroy(sources->store);
	vault_destroy(sources->vault);
	*sources = (struct crash_sources){0};
}

/* ---- the whole search ---- */

static bool names_a_file(const char *name)
{
	struct stat status;

	/* A bare number or word could be a file by accident; a path with a slash is meant as one. */
	return strchr(name, '/') || (stat(name, &status) == 0 && !S_ISDIR(status.st_mode));
}

struct error *cli_match_query(const struct cli_options *options, char **names, size_t count, struct match_query *ret)
{
	const char *unknown;

	*ret = (struct match_query){
		.arguments = names,
		.argument_count = count,
		.has_since = options->since,
		.has_until = options->until,
		.since_ns = options->since_ns,
		.until_ns = options->until_ns,
	};
	unknown = match_unknown_field(ret);
	if (unknown)
		return error_format(
			ERROR_INVALID,
			"no crash has the field of '%s'; there are COREDUMP_PID, _UID, _GID, _SIGNAL, _COMM, "
			"_EXE, and _HOSTNAME, _BOOT_ID",
			unknown);
	return NULL;
}

static struct error *not_found(const struct cli_options *options, const struct cli_crash *found, char **names,
			       size_t count)
{
	if (!found->sources.store && !found->sources.vault)
		return error_format(ERROR_NOT_FOUND, "nothing has been recorded (no database %s); name a core file",
				    options->database);
	if (count == 1 && !options->since && !options->until)
		return error_format(ERROR_NOT_FOUND, "no recorded crash is called '%s', and there is no such core file",
				    names[0]);
	if (count || options->since || options->until)
		return error_format(ERROR_NOT_FOUND, "no crash is all of that");
	return error_format(ERROR_NOT_FOUND, "no crash has been recorded");
}

/* The newest crash that is meant, into found->row. */
static struct error *find_by_name(const struct cli_options *options, char **names, size_t count,
				  struct cli_crash *found)
{
	cleanup_with(crash_rows_deinit) struct crash_rows rows = {0};
	struct match_query query;
	struct error *err =
		cli_match_query(options, names, count, &query) ?: crashes_collect(&found->sources, &query, 1, &rows);

	if (err)
		return err;
	if (!rows.count)
		return not_found(options, found, names, count);
	found->row = rows.rows[0];
	rows.count = 0;
	return NULL;
}

/* An entry of the vault that has no core, and whose process was not recorded. */
static struct error *nothing_kept(const struct crash_row *row)
{
	return error_format(ERROR_NOT_FOUND, "of the crash %s neither a core nor a record was kept%s%s", row->entry,
			    row->note ? ": " : "; corelate list --json tells what was", row->note ? row->note : "");
}

static struct error *find_with_core(const struct cli_options *options, char **names, size_t count,
				    struct cli_crash *found)
{
	struct error *err = find_by_name(options, names, count, found)
				    ?: crash_row_open_core(&found->sources, &found->row, &found->file);

	if (err && err->code != ERROR_NO_MEMORY && (found->row.has_signal || found->row.has_exit)) {
		/* The record alone has to do. */
		found->core_problem = strdup(err->message);
		error_destroy(err);
		err = NULL;
	}
	if (err || found->file.core || found->row.has_signal || found->row.has_exit)
		return err;
	return nothing_kept(&found->row);
}

/* A core as systemd-coredump and others leave it, compressed. ERROR_UNSUPPORTED when it is not. */
static struct error *open_packed_core(const char *path, struct crash_core_file *ret)
{
	cleanup_fd int packed = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char unpacked[64];
	struct stat status;
	struct error *err;

	if (packed < 0 || fstat(packed, &status) != 0)
		return error_errno(errno, "cannot open %s", path);
	if (!S_ISREG(status.st_mode))
		return error_format(ERROR_UNSUPPORTED, "%s is not a file", path);
	progress_begin("unpacking", path);
	progress_follow(packed, (uint64_t)status.st_size);
	limits_pause();
	err = vault_unpack_foreign(packed, &ret->fd);
	limits_resume();
	progress_end();
	if (err)
		return error_prefix(err, "%s", path);
	ret->has_fd = true;
	ret->name = strdup(path);
	snprintf(unpacked, sizeof(unpacked), "/proc/self/fd/%d", ret->fd);
	err = ret->name ? core_open(unpacked, &ret->core) : &error_no_memory;
	if (err) {
		/* Its message names a path that tells nobody anything. */
		const char *what = strncmp(err->message, unpacked, strlen(unpacked)) == 0
					   ? err->message + strlen(unpacked)
					   : ": not a core file";
		struct error *told = error_format(err->code, "%s, unpacked%s", path, what);

		error_destroy(err);
		crash_core_file_deinit(ret);
		return told;
	}
	return NULL;
}

static struct error *open_core(const char *path, struct crash_core_file *ret)
{
	struct error *err = core_open(path, &ret->core), *other;

	if (!err || err->code != ERROR_INVALID)
		return err;
	other = open_packed_core(path, ret);
	if (error_catch(&other, ERROR_UNSUPPORTED))
		return err;
	error_destroy(err);
	return other;
}

/* A path names a core, and an executable's path also its crashes. */
static struct error *find_by_path(const struct cli_options *options, char **names, struct cli_crash *found)
{
	struct error *err = open_core(names[0], &found->file), *again;

	if (!err || (err->code != ERROR_INVALID && err->code != ERROR_NOT_FOUND))
		return err;
	again = find_with_core(options, names, 1, found);
	if (again && !found->row.entry) {
		error_destroy(again);
		return err;
	}
	error_destroy(err);
	return again;
}

struct error *cli_find_crash(const struct cli_options *options, char **names, size_t count, struct cli_crash *ret)
{
	struct error *err;

	if (count == 1 && bundle_recognise(names[0]))
		return cli_open_bundle(names[0], ret);
	*ret = (struct cli_crash){0};
	err = cli_open_sources(options, &ret->sources);
	if (!err && count == 1 && names_a_file(names[0]))
		err = find_by_path(options, names, ret);
	else if (!err)
		err = find_with_core(options, names, count, ret);
	if (!err && ret->file.core)
		err = core_find_modules(ret->file.core, NULL);
	if (err)
		cli_crash_deinit(ret);
	return err;
}

void cli_crash_deinit(struct cli_crash *found)
{
	crash_row_deinit(&found->row);
	free(found->core_problem);
	crash_core_file_deinit(&found->file);
	cli_close_sources(&found->sources);
	bundle_close(found->bundle);
	*found = (struct cli_crash){0};
}

struct error *cli_explain_crash(const struct cli_options *options, char **names, size_t count, const uint64_t *address,
				struct cli_explained *ret)
{
	struct assemble_request request = {0};
	struct error *err;

	*ret = (struct cli_explained){0};
	cli_limits_begin(options, names, count);
	err = cli_find_crash(options, names, count, &ret->found);
	if (err) {
		limits_end();
		return err;
	}
	request.core = ret->found.file.core;
	request.core_name = ret->found.file.name;
	request.store = ret->found.sources.store;
	request.signal = ret->found.row.has_signal ? &ret->found.row.signal_event : NULL;
	request.exit = ret->found.row.has_exit ? &ret->found.row.exit : NULL;
	request.host = ret->found.host;
	request.step_ns = ret->step_ns;
	if (address) {
		request.address = *address;
		request.has_address = true;
	}
	progress_begin("explaining", names && count ? names[0] : NULL);
	err = assemble_crash(&request, &ret->crash);
	if (!err && ret->found.row.note)
		err = crash_add_note(&ret->crash.notes, "%s", ret->found.row.note);
	if (!err && ret->found.core_problem)
		err = crash_add_note(&ret->crash.notes, "the core that was kept cannot be used: %s",
				     ret->found.core_problem);
	if (!err)
		err = causes_judge(&ret->crash, &ret->findings);
	progress_end();
	/* What is done with the answer may wait for a reader, or for a debugger. */
	limits_end();
	if (err) {
		cli_explained_deinit(ret);
		return err;
	}
	report_init(&ret->report, &ret->crash, &ret->findings);
	ret->report.one_line = options->json == CLI_JSON_SHORT;
	return NULL;
}

void cli_explained_deinit(struct cli_explained *explained)
{
	finding_list_deinit(&explained->findings);
	crash_deinit(&explained->crash);
	cli_crash_deinit(&explained->found);
}

struct error *cli_render_crash(const struct cli_options *options, cli_render_function render)
{
	cleanup_with(cli_explained_deinit) struct cli_explained explained = {0};

	return cli_explain_crash(options, options->arguments, (size_t)options->argument_count, NULL, &explained)
		       ?: render(options, &explained);
}
