/* SPDX-License-Identifier: MIT */
/* corelate import: the crashes that systemd-coredump has kept, and cores by their path, into the vault. */
#include "cli/import.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/json.h"
#include "cli/log.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"

/* ---- what is told ---- */

static json_t *text_or_null(const char *text)
{
	json_t *string = text ? json_string(text) : NULL;

	return string ? string : json_null();
}

static void tell_json(struct importer *importer, const char *path, const char *entry, const char *status,
		      const char *verdict, const struct error *error)
{
	json_t *object = json_object();

	json_object_set_new(object, "path", text_or_null(path));
	json_object_set_new(object, "status", json_string(status));
	json_object_set_new(object, "entry", text_or_null(entry));
	json_object_set_new(object, "verdict", text_or_null(verdict));
	json_object_set_new(object, "error", text_or_null(error ? error->message : NULL));
	if (!importer->options->watch) {
		json_array_append_new(importer->results, object);
		return;
	}
	/* What is watched for is not known in its number: one line each. */
	json_dump_callback(object, inert_json_write, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void tell_text(const char *path, const char *entry, const char *status, const char *verdict,
		      const struct error *error)
{
	FILE *out = error ? stderr : stdout;

	if (error)
		fputs("corelate: ", out);
	inert_write(path, out);
	fprintf(out, ": %s", status);
	if (entry)
		fprintf(out, " as %s", entry);
	if (verdict) {
		fputs(", ", out);
		inert_write(verdict, out);
	}
	if (error) {
		fputs(": ", out);
		inert_write(error->message, out);
	}
	fputc('\n', out);
}

void import_tell(struct importer *importer, const char *path, const char *entry, const char *status,
		 const char *verdict, struct error *error)
{
	bool is_new = strcmp(status, "imported") == 0;

	importer->imported += is_new;
	importer->present += entry && !is_new;
	importer->refused += error != NULL;
	if (importer->options->json)
		tell_json(importer, path, entry, status, verdict, error);
	else if (error || is_new || !importer->options->quiet)
		tell_text(path, entry, status, verdict, error);
	error_destroy(error);
}

/* ---- what is imported ---- */

struct error *import_named(struct importer *importer, const char *name)
{
	cleanup_free char *path = NULL;
	struct vault_crash facts = {0};
	struct error *err;

	/* What is still being made has another name (".#core…"). */
	if (strncmp(name, "core.", 5) != 0)
		return NULL;
	if (asprintf(&path, "%s/%s", importer->directory, name) < 0) {
		path = NULL;
		return &error_no_memory;
	}
	err = import_path(importer, path, false, &facts);
	vault_crash_deinit(&facts);
	return err;
}

struct error *import_directory(struct importer *importer)
{
	DIR *directory = opendir(importer->directory);
	const struct dirent *file;
	struct error *err = NULL;

	if (!directory)
		return error_errno(errno, "cannot read %s", importer->directory);
	while (!err && (file = readdir(directory)))
		err = import_named(importer, file->d_name);
	closedir(directory);
	return err;
}

static bool is_journal(const char *path)
{
	const char *dot = strrchr(path, '.');
	struct stat status;

	return (dot && (strcmp(dot, ".journal") == 0 || strcmp(dot, ".journal~") == 0)) ||
	       (stat(path, &status) == 0 && S_ISDIR(status.st_mode));
}

static struct error *import_one(struct importer *importer, const char *path)
{
	struct vault_crash facts = {0};
	struct import_journal *journal;
	struct error *err;

	if (!is_journal(path)) {
		err = import_path(importer, path, true, &facts);
		vault_crash_deinit(&facts);
		return err;
	}
	err = import_journal_open(path, &journal);
	if (!err) {
		err = import_journal_more(importer, journal);
		import_journal_close(journal);
	}
	return err;
}

/* The host's: its journal tells more of a crash than the name of a file, so it comes first. */
static struct error *import_host(struct importer *importer)
{
	cleanup_by(import_journal_close) struct import_journal *journal = NULL;
	struct error *err = NULL;

	if (!importer->options->from)
		err = import_journal_open(NULL, &journal);
	if (err)
		return err;
	if (importer->options->watch)
		return import_watch(importer, journal);
	if (journal)
		err = import_journal_more(importer, journal);
	if (!err)
		err = import_directory(importer);
	if (!importer->options->from)
		error_catch(&err, ERROR_NOT_FOUND); /* systemd-coredump is not used here */
	return err;
}

static struct error *import_all(struct importer *importer)
{
	struct error *err = NULL;

	for (int i = 0; !err && i < importer->options->argument_count; i++)
		err = import_one(importer, importer->options->arguments[i]);
	if (!err && (!importer->options->argument_count || importer->options->watch))
		err = import_host(importer);
	return err;
}

static struct error *begin(const struct cli_options *options, struct importer *importer)
{
	struct error *err;

	*importer = (struct importer){.options = options, .directory = options->from ?: IMPORT_DIRECTORY};
	if (!importer->directory[0])
		return error_format(ERROR_INVALID, "import: --from takes a directory");
	err = vault_settings_read(options->config ?: VAULT_SETTINGS_PATH, options->config != NULL, &importer->settings);
	if (err)
		return err;
	if (options->database_given &&
	    (size_t)snprintf(importer->settings.database, sizeof(importer->settings.database), "%s",
			     options->database) >= sizeof(importer->settings.database))
		return error_format(ERROR_INVALID, "the database's path is too long");
	if (options->time_limit)
		importer->settings.explain_time_ns = options->time_limit_ns;
	if (options->memory_limit)
		importer->settings.explain_memory_bytes = options->memory_limit_bytes;
	umask(077);
	return vault_open(importer->settings.vault, true, &importer->vault)
		       ?: vault_list(importer->vault, &importer->known, &importer->known_count);
}

static struct error *run_import(const struct cli_options *options, int *ret_status)
{
	struct importer importer;
	struct error *err = begin(options, &importer);

	if (err && !importer.directory[0])
		*ret_status = CLI_USAGE;

	importer.results = json_array();
	if (!err)
		err = import_all(&importer);
	if (options->json && !options->watch && !err)
		err = cli_json_write(options, json_incref(importer.results));
	else if (!options->json && !options->quiet && !err)
		fprintf(stderr, "%zu imported, %zu already there, %zu not imported\n", importer.imported,
			importer.present, importer.refused);
	if (importer.refused && !options->watch)
		*ret_status = CLI_FAILED;
	json_decref(importer.results);
	vault_entries_destroy(importer.known, importer.known_count);
	vault_destroy(importer.vault);
	return err;
}

static const struct option_row options[] = {
	{.name = "from",
	 .argument = "DIRECTORY",
	 .help = "systemd-coredump's files are there (default: " IMPORT_DIRECTORY "); the host's journal is not read",
	 .store = OPTION_TEXT,
	 .offset = offsetof(struct cli_options, from)},
	{.name = "watch",
	 .help = "go on with what comes, explain it and run the hooks, until SIGINT or SIGTERM",
	 .store = OPTION_FLAG,
	 .offset = offsetof(struct cli_options, watch)},
	{.name = "quiet",
	 .letter = 'q',
	 .help = "tell only of what was imported and what could not be",
	 .store = OPTION_FLAG,
	 .offset = offsetof(struct cli_options, quiet)},
};

const struct cli_command cli_import = {
	.name = "import",
	.arguments = "[CORE|JOURNAL...]",
	.summary = "take the crashes that systemd-coredump kept, and cores by their path, into the vault",
	.details =
		"Without an argument: those of the host's journal and of " IMPORT_DIRECTORY ". CORE is a core file, as "
		"it is or compressed (zstd, lz4, xz); JOURNAL a journal file or a directory of them. What was imported "
		"before is left as it is; a file that somebody still writes to is left for the next time. Each crash "
		"is explained; hooks run only for those that come while --watch waits.\n",
	.statuses = "0 success, 1 something could not be imported, 2 bad usage, 3 no such directory or journal",
	.flags = CLI_DB | CLI_JSON | CLI_CONFIG | CLI_LIMITS,
	.most = CLI_ANY,
	.options = options,
	.option_count = array_size(options),
	.run = run_import,
};
