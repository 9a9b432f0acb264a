/* SPDX-License-Identifier: MIT */
/* corelate list: the crashes that are known of, newest last as in coredumpctl. */
#include "cli/list.h"

#include <stdlib.h>

#include "analyzer/words.h"
#include "cli/json.h"
#include "common/cleanup.h"

static json_t *json_text(const char *text)
{
	json_t *string = text && text[0] ? json_string(text) : NULL;

	return string ? string : json_null();
}

static json_t *json_number(bool known, uint64_t number)
{
	return known ? json_integer((json_int_t)number) : json_null();
}

static json_t *json_line(const struct list_line *line)
{
	const struct crash_row *row = line->row;
	json_t *object = json_object();
	struct words signal;

	json_object_set_new(object, "id", json_text(row->id));
	json_object_set_new(object, "time_ns", json_integer(row->real_ns));
	json_object_set_new(object, "pid", json_number(row->pid, row->pid));
	json_object_set_new(object, "namespace_pid", json_number(row->namespace_pid, row->namespace_pid));
	json_object_set_new(object, "tid", json_number(row->tid, row->tid));
	json_object_set_new(object, "uid", json_number(row->has_uid, row->uid));
	json_object_set_new(object, "gid", json_number(row->has_gid, row->gid));
	json_object_set_new(object, "signal",
			    row->signal ? json_string(words_signal(&signal, row->signal)) : json_null());
	json_object_set_new(object, "signal_number", json_number(row->signal, (uint64_t)row->signal));
	json_object_set_new(object, "exit_status", json_number(!row->signal, (uint64_t)(row->status >> 8 & 0xff)));
	json_object_set_new(object, "core",
			    json_boolean(line->core == CRASH_CORE_PRESENT || line->core == CRASH_CORE_TRUNCATED));
	json_object_set_new(object, "corefile", json_string(crash_core_name(line->core)));
	json_object_set_new(object, "size", json_number(line->core_bytes, line->core_bytes));
	json_object_set_new(object, "comm", json_text(row->comm));
	json_object_set_new(object, "exe", json_text(row->executable));
	json_object_set_new(object, "class", json_text(row->class));
	json_object_set_new(object, "confidence", json_text(row->confidence));
	json_object_set_new(object, "entry", json_text(row->entry));
	json_object_set_new(object, "note", json_text(row->note));
	json_object_set_new(object, "boot_id", json_text(row->boot_id));
	json_object_set_new(object, "hostname", json_text(row->hostname));
	return object;
}

static struct error *write_json(const struct cli_options *options, const struct list_line *lines, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_line(&lines[i]));
	return cli_json_write(options, array);
}

static struct error *write_lines(const struct cli_options *options, const struct crash_rows *rows)
{
	cleanup_free struct list_line *lines = calloc(rows->count ? rows->count : 1, sizeof(*lines));

	if (!lines)
		return &error_no_memory;
	for (size_t i = 0; i < rows->count; i++) {
		struct list_line *line = &lines[i];

		line->row = &rows->rows[options->reverse ? i : rows->count - 1 - i];
		line->core = crash_row_core(line->row, &line->core_bytes);
	}
	return options->json ? write_json(options, lines, rows->count)
			     : list_write_table(lines, rows->count, options->no_legend);
}

/* That there is none is an answer when all were asked for, and a failure when some were. */
static struct error *tell_none(const struct cli_options *options, int *ret_status)
{
	if (options->argument_count || options->since || options->until) {
		*ret_status = CLI_NOT_FOUND;
		return options->quiet ? NULL : error_format(ERROR_NOT_FOUND, "no crash is all of that");
	}
	if (!options->json && !options->quiet)
		fputs("No crash has been recorded.\n", stderr);
	return NULL;
}

static struct error *list(const struct cli_options *options, const struct crash_sources *sources, int *ret_status)
{
	cleanup_with(crash_rows_deinit) struct crash_rows rows = {0};
	struct match_query query;
	struct error *err = cli_match_query(options, options->arguments, (size_t)options->argument_count, &query)
				    ?: crashes_collect(sources, &query, options->count, &rows);

	if (err)
		return err;
	if (options->group && rows.count)
		return cli_list_groups(options, &rows);
	if (rows.count || options->json)
		err = write_lines(options, &rows);
	return err || rows.count ? err : tell_none(options, ret_status);
}

static struct error *run_list(const struct cli_options *options, int *ret_status)
{
	cleanup_with(cli_close_sources) struct crash_sources sources = {0};
	struct error *err = cli_open_sources(options, &sources);

	if (err)
		return err;
	if (options->limit && !options->group)
		return error_format(ERROR_INVALID, "--limit goes with --group");
	if (!sources.store && !sources.vault)
		return error_format(ERROR_NOT_FOUND, "nothing has been recorded (no database %s)", options->database);
	if (sources.vault_forbidden && !options->quiet && !options->json)
		fputs("The kept crashes are not shown: their directory may only be read by root.\n", stderr);
	return list(options, &sources, ret_status);
}

const struct cli_command cli_list = {
	.name = "list",
	.arguments = "[CRASH...]",
	.summary = "list the crashes that are known of, newest last",
	.details =
		"CRASH is a pid, an id, a command name, an executable's path, or FIELD=VALUE as in coredumpctl "
		"(COREDUMP_PID, COREDUMP_UID, COREDUMP_GID, COREDUMP_SIGNAL, COREDUMP_COMM, COREDUMP_EXE, _HOSTNAME, "
		"_BOOT_ID). Of several of one kind any will do; each kind that is given must fit.\n"
		"COREFILE is present, truncated, missing, none, or error.\n",
	.statuses = "0 success, also when there is no crash at all; 1 failure, 2 bad usage, 3 no crash is what was "
		    "asked for",
	.flags = CLI_DB | CLI_MATCH | CLI_LIST | CLI_JSON | CLI_PAGER | CLI_GROUP | CLI_LIMITS,
	.most = CLI_ANY,
	.run = run_list,
};
