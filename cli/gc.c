/* SPDX-License-Identifier: MIT */
/* corelate gc: keeps what is on the disk within bounds. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/option_table.h"
#include "schema/prune.h"
#include "vault/settings.h"
#include "vault/vault.h"

struct collection {
	const struct cli_options *options;
	json_t *removed; /* with --json */
	bool no_memory;
};

static void tell(void *context, const struct vault_pruned *pruned)
{
	struct collection *collection = context;
	json_t *row;

	if (collection->removed) {
		row = json_pack("{s:s, s:I, s:s}", "name", pruned->name, "bytes", (json_int_t)pruned->bytes, "why",
				pruned->why);
		collection->no_memory |= !row || json_array_append_new(collection->removed, row) != 0;
		return;
	}
	fputs(collection->options->dry_run ? "would remove " : "removed ", stdout);
	inert_write(pruned->name, stdout);
	printf(", %" PRIu64 " KiB: %s\n", (pruned->bytes + 1023) / 1024, pruned->why);
}

/* A value of the command line, or what the settings say. "0" and "no" are no limit. */
static struct error *take(const char *name, const char *text, bool (*parse)(const char *text, uint64_t *ret),
			  uint64_t *limit, int *ret_status)
{
	if (!text)
		return NULL;
	if (strcmp(text, "no") == 0) {
		*limit = 0;
		return NULL;
	}
	if (parse(text, limit))
		return NULL;
	*ret_status = CLI_USAGE;
	return error_format(ERROR_INVALID, "gc: '%s' is no value for %s", text, name);
}

static struct error *read_limits(const struct cli_options *options, struct vault_settings *settings,
				 struct vault_prune_limits *ret, int *ret_status)
{
	struct error *err =
		vault_settings_read(options->config ?: VAULT_SETTINGS_PATH, options->config != NULL, settings);

	if (err)
		return err;
	*ret = (struct vault_prune_limits){
		.most_bytes = settings->most_bytes,
		.most_age_s = settings->most_age_s,
		.keep_free = vault_settings_keep_free(settings, settings->vault),
		.dry_run = options->dry_run,
	};
	err = take("--max-bytes", options->max_bytes, vault_parse_size, &ret->most_bytes, ret_status);
	return err ? err : take("--max-age", options->max_age, vault_parse_time, &ret->most_age_s, ret_status);
}

/* ---- the database ---- */

static struct error *read_database_limits(const struct cli_options *options, const struct vault_settings *settings,
					  struct store_prune_limits *ret, int *ret_status)
{
	struct timespec now;
	struct error *err;

	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct store_prune_limits){
		.most_bytes = settings->most_database_bytes,
		.most_age_s = settings->most_database_age_s,
		.now_ns = now.tv_sec * 1000000000LL + now.tv_nsec,
		.dry_run = options->dry_run,
	};
	err = take("--max-database-bytes", options->max_database_bytes, vault_parse_size, &ret->most_bytes, ret_status);
	return err ? err
		   : take("--max-database-age", options->max_database_age, vault_parse_time, &ret->most_age_s,
			  ret_status);
}

static struct error *prune_database(const struct vault_settings *settings, const struct store_prune_limits *limits,
				    struct store_pruned *ret)
{
	struct error *err = store_prune(settings->database, limits, ret);

	error_catch(&err, ERROR_NOT_FOUND); /* nothing was ever recorded */
	return err;
}

static void tell_database(const struct cli_options *options, const struct vault_settings *settings,
			  const struct store_pruned *pruned)
{
	if (!pruned->used_before)
		return;
	fputs("database ", stdout);
	inert_write(settings->database, stdout);
	printf(": %" PRIu64 " %s %s (%" PRIu64 " of them had crashed), %" PRIu64 " kept; %s%" PRIu64
	       " KiB in use, %" PRIu64 " KiB before\n",
	       pruned->processes, pruned->processes == 1 ? "process" : "processes",
	       options->dry_run ? "would be removed" : "removed", pruned->deaths, pruned->kept,
	       options->dry_run && pruned->processes ? "about " : "", (pruned->used + 1023) / 1024,
	       (pruned->used_before + 1023) / 1024);
}

static json_t *database_json(const struct vault_settings *settings, const struct store_pruned *pruned)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "path", settings->database, "removed",
			 (json_int_t)pruned->processes, "removed_crashes", (json_int_t)pruned->deaths, "removed_rows",
			 (json_int_t)pruned->rows, "kept", (json_int_t)pruned->kept, "used_bytes",
			 (json_int_t)pruned->used, "used_bytes_before", (json_int_t)pruned->used_before,
			 "recorder_runs", pruned->recorder_runs, "compacted", pruned->compacted);
}

static struct error *write_json(const struct collection *collection, const struct vault_settings *settings,
				const struct vault_pruned_sum *sum, const struct store_pruned *pruned)
{
	if (collection->no_memory)
		return &error_no_memory;
	return cli_json_write(collection->options,
			      json_pack("{s:O, s:I, s:I, s:I, s:b, s:o}", "removed", collection->removed,
					"removed_bytes", (json_int_t)sum->removed_bytes, "kept", (json_int_t)sum->kept,
					"kept_bytes", (json_int_t)sum->kept_bytes, "dry_run",
					collection->options->dry_run, "database", database_json(settings, pruned)));
}

static struct error *collect(struct collection *collection, const struct vault_settings *settings,
			     const struct vault_prune_limits *limits, struct vault_pruned_sum *ret)
{
	struct vault *vault;
	struct error *err = vault_open(settings->vault, false, &vault);

	if (error_catch(&err, ERROR_NOT_FOUND)) /* nothing was ever kept */
		return NULL;
	if (err)
		return err;
	err = vault_prune(vault, limits, tell, collection, ret);
	vault_destroy(vault);
	return err;
}

static struct error *run_gc(const struct cli_options *options, int *ret_status)
{
	json_auto_t *removed = options->json ? json_array() : NULL;
	struct collection collection = {.options = options, .removed = removed};
	struct vault_settings settings;
	struct vault_prune_limits limits;
	struct vault_pruned_sum sum = {0};
	struct store_prune_limits database_limits;
	struct store_pruned pruned = {0};
	struct error *err = read_limits(options, &settings, &limits, ret_status)
		?: read_database_limits(options, &settings, &database_limits, ret_status)
		?: collect(&collection, &settings, &limits, &sum);

	if (err)
		return err;
	if (!options->json)
		printf("%zu %s (%" PRIu64 " KiB), %zu kept (%" PRIu64 " KiB)\n", sum.removed,
		       options->dry_run ? "would be removed" : "removed", (sum.removed_bytes + 1023) / 1024, sum.kept,
		       (sum.kept_bytes + 1023) / 1024);
	err = prune_database(&settings, &database_limits, &pruned);
	if (err)
		return err;
	if (options->json)
		return write_json(&collection, &settings, &sum, &pruned);
	tell_database(options, &settings, &pruned);
	return NULL;
}

static const struct option_row gc_rows[] = {
	{.name = "max-bytes",
	 .argument = "N",
	 .help = "of all kept crashes together: bytes, or with K, M, G, T; \"no\" for no limit (default: MaxUse of "
		 "capture.conf, else 10G)",
	 .store = OPTION_TEXT,
	 .offset = offsetof(struct cli_options, max_bytes)},
	{.name = "max-age",
	 .argument = "T",
	 .help = "seconds since the crash, or with s, min, h, d, w; \"no\" for no limit (default: MaxAge of "
		 "capture.conf, "
		 "else 30d)",
	 .store = OPTION_TEXT,
	 .offset = offsetof(struct cli_options, max_age)},
	{.name = "max-database-bytes",
	 .argument = "N",
	 .help = "that the recorder's database may use (default: MaxDatabaseSize of capture.conf, else 3G)",
	 .store = OPTION_TEXT,
	 .offset = offsetof(struct cli_options, max_database_bytes)},
	{.name = "max-database-age",
	 .argument = "T",
	 .help = "since the end of a process, for what the database has of it (default: MaxDatabaseAge of "
		 "capture.conf, "
		 "else 30d)",
	 .store = OPTION_TEXT,
	 .offset = offsetof(struct cli_options, max_database_age)},
};

const struct cli_command cli_gc = {
	.name = "gc",
	.arguments = "",
	.summary = "keep the crashes and the record on disk within size and age",
	.details =
		"Crashes that cannot be used go first, then the oldest; the newest stays, whatever its size, until "
		"it is too\n"
		"old. What a capture has left behind when the machine stopped goes after a day.\n"
		"From the database go whole processes, the longest dead first, those that crashed after all others.\n",
	.flags = CLI_CONFIG | CLI_DRY_RUN | CLI_JSON,
	.options = gc_rows,
	.option_count = array_size(gc_rows),
	.run = run_gc,
};
