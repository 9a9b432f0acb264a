/* SPDX-License-Identifier: MIT */
/* corelate sql: one read-only statement over the record. */

#include "cli/json.h"
#include "common/inert.h"

struct output {
	json_t *rows; /* NULL for text */
	bool titled;
};

static bool write_text_row(struct output *output, int columns, const char *const *cells, const char *missing)
{
	(void)output;
	for (int i = 0; i < columns; i++) {
		if (i)
			putchar('|');
		inert_write(cells[i] ? cells[i] : missing, stdout);
	}
	putchar('\n');
	return !ferror(stdout);
}

static bool take_row(void *context, int columns, const char *const *names, const char *const *values)
{
	struct output *output = context;
	json_t *row;

	if (!output->rows) {
		if (!output->titled)
			write_text_row(output, columns, names, "");
		output->titled = true;
		return write_text_row(output, columns, values, "");
	}
	row = json_object();
	for (int i = 0; i < columns; i++) {
		json_t *value = values[i] ? json_string(values[i]) : json_null();

		json_object_set_new(row, names[i], value ? value : json_string("(not UTF-8)"));
	}
	json_array_append_new(output->rows, row);
	return true;
}

static struct error *run_sql(const struct cli_options *options, int *ret_status)
{
	struct output output = {.rows = options->json ? json_array() : NULL};
	struct store_reader *store = NULL;
	struct error *err = cli_open_store(options, &store);

	(void)ret_status;
	if (!err && !store)
		err = error_format(ERROR_NOT_FOUND, "nothing has been recorded (no database %s)", options->database);
	if (!err)
		err = store_reader_query(store, options->arguments[0], take_row, &output);
	if (!err && output.rows)
		err = cli_json_write(options, json_incref(output.rows));
	json_decref(output.rows);
	store_reader_destroy(store);
	return err;
}

const struct cli_command cli_sql = {
	.name = "sql",
	.arguments = "QUERY",
	.summary = "run one read-only SQL statement over the record",
	.details = "Columns are separated by |. Views for people: v_event, v_mapping, v_marker, v_process, v_crash, "
		   "v_gap;\n"
		   "corelate sql \"SELECT sql FROM sqlite_schema\" tells what each table and column holds.\n",
	.flags = CLI_DB | CLI_JSON | CLI_PAGER,
	.least = 1,
	.most = 1,
	.run = run_sql,
};
