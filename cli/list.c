/* SPDX-License-Identifier: MIT */
/* corelate list: the recorded crashes, newest last as in coredumpctl. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "analyzer/words.h"
#include "cli/cli.h"
#include "common/inert.h"

#define LISTED_CRASHES 10000

struct row {
	struct crash crash;
	bool has_core;
	int64_t real_ns;
};

static struct error *fill_row(struct store_reader *store, const struct signal_event *signal, struct row *row)
{
	struct explain_request request = {.store = store, .signal = signal};
	struct core *core = NULL;
	struct error *err = explain_crash(&request, &row->crash);

	if (err)
		return err;
	if (!crash_realtime_ns(&row->crash.recording, row->crash.time_ns, &row->real_ns))
		row->real_ns = 0;
	err = cli_find_core(store, signal, &core);
	if (err) {
		crash_deinit(&row->crash);
		return err;
	}
	row->has_core = core != NULL;
	core_destroy(core);
	return NULL;
}

static void write_text_row(const struct row *row)
{
	time_t seconds = row->real_ns / 1000000000;
	struct words signal;
	char when[64] = "?";
	struct tm local;

	if (localtime_r(&seconds, &local))
		strftime(when, sizeof(when), "%a %Y-%m-%d %H:%M:%S %Z", &local);
	printf("%-28s %7" PRIu32 " %5" PRIu32 " %-8s %-8s %s  ", when, row->crash.pid, row->crash.process.uid,
	       words_signal(&signal, row->crash.signal.number), row->has_core ? "present" : "none", row->crash.id);
	inert_write(row->crash.executable ? row->crash.executable : row->crash.comm, stdout);
	putchar('\n');
}

static json_t *json_row(const struct row *row)
{
	struct words signal;
	json_t *object = json_object();
	json_t *exe = row->crash.executable ? json_string(row->crash.executable) : NULL;
	json_t *comm = json_string(row->crash.comm);

	json_object_set_new(object, "id", json_string(row->crash.id));
	json_object_set_new(object, "time_ns", json_integer(row->real_ns));
	json_object_set_new(object, "pid", json_integer(row->crash.pid));
	json_object_set_new(object, "uid", json_integer(row->crash.process.uid));
	json_object_set_new(object, "signal", json_string(words_signal(&signal, row->crash.signal.number)));
	json_object_set_new(object, "core", json_boolean(row->has_core));
	json_object_set_new(object, "comm", comm ? comm : json_null());
	json_object_set_new(object, "exe", exe ? exe : json_null());
	return object;
}

static struct error *run_list(const struct cli_options *options, int *ret_status)
{
	struct signal_event *signals = NULL;
	struct store_reader *store = NULL;
	json_t *array = json_array();
	size_t count = 0;
	struct error *err = cli_open_store(options, &store);

	(void)ret_status;
	if (!err && options->limit && !options->group)
		err = error_format(ERROR_INVALID, "--limit goes with --group");
	if (!err && !store)
		err = error_format(ERROR_NOT_FOUND, "nothing has been recorded (no database %s)", options->database);
	if (!err)
		err = store_reader_fatal_signals(store, LISTED_CRASHES, &signals, &count);
	if (!err && options->group && count) {
		err = cli_list_groups(options, store, signals, count);
		for (size_t i = 0; i < count; i++)
			signal_event_deinit(&signals[i]);
		json_decref(array);
		free(signals);
		store_reader_destroy(store);
		return err;
	}
	if (!err && !options->json && count)
		printf("%-28s %7s %5s %-8s %-8s %-16s  %s\n", "TIME", "PID", "UID", "SIG", "COREFILE", "ID", "EXE");
	for (size_t i = count; i-- > 0;) {
		struct row row = {0};

		if (!err)
			err = fill_row(store, &signals[i], &row);
		signal_event_deinit(&signals[i]);
		if (err)
			continue;
		if (options->json)
			json_array_append_new(array, json_row(&row));
		else
			write_text_row(&row);
		crash_deinit(&row.crash);
	}
	if (!err && options->json) {
		json_dumpf(array, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!err && !count) {
		fputs("No crash has been recorded.\n", stderr);
	}
	json_decref(array);
	free(signals);
	store_reader_destroy(store);
	return err;
}

const struct cli_command cli_list = {
	.name = "list",
	.arguments = "",
	.summary = "list the recorded crashes, newest last",
	.flags = CLI_DB | CLI_JSON | CLI_PAGER | CLI_GROUP,
	.run = run_list,
};
