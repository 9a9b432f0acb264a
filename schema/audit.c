/* SPDX-License-Identifier: MIT */
#include "schema/audit.h"

#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/sql_embedded.h"

/* A column that names a row of another table. */
static const struct reference {
	const char *table, *id, *column, *target;
	bool optional; /* 0 is none */
} references[] = {
	{"process", "id", "recording_id", "recording", false},
	{"gap", "id", "recording_id", "recording", false},
	{"probe", "id", "recording_id", "recording", false},
	{"function", "id", "recording_id", "recording", false},
	{"probe_coverage", "id", "recording_id", "recording", false},
	{"truncation", "id", "recording_id", "recording", false},
	{"space", "id", "process_id", "process", false},
	{"thread_start", "id", "process_id", "process", false},
	{"signal", "id", "process_id", "process", false},
	{"exit_state", "id", "process_id", "process", false},
	{"space_sharer", "id", "process_id", "process", false},
	{"probe_coverage", "id", "process_id", "process", true},
	{"event", "id", "space_id", "space", false},
	{"heap", "id", "space_id", "space", false},
	{"call", "id", "space_id", "space", false},
	{"marker", "id", "space_id", "space", false},
	{"syscall", "id", "space_id", "space", false},
	{"space_sharer", "id", "space_id", "space", false},
	{"signal", "id", "space_id", "space", false},
	{"exit_state", "id", "space_id", "space", false},
	{"space", "id", "parent_space_id", "space", true},
	{"event", "id", "file_id", "file", true},
	{"space", "id", "executable_file_id", "file", true},
	{"truncation", "id", "file_id", "file", true},
	{"function", "id", "file_id", "file", false},
	{"heap", "id", "function_id", "function", false},
	{"call", "id", "function_id", "function", false},
	{"event", "id", "stack_id", "stack", true},
	{"heap", "id", "stack_id", "stack", true},
	{"call", "id", "stack_id", "stack", true},
	{"stack", "id", "slice_id", "stack_slice", true},
	{"return_instance", "id", "signal_id", "signal", true},
	{"return_instance", "id", "exit_state_id", "exit_state", true},
	{"signal_sender", "signal_id", "signal_id", "signal", false},
};

/* Rows of a process or space that gc has removed go later than it; until then they are no fault. */
static const char reference_sql[] =
	"SELECT 0, '%1$s', %2$s, printf('%1$s row %%d: %3$s %%d is no row of %4$s', %2$s, %3$s) FROM %1$s AS row "
	"WHERE %5$s NOT EXISTS (SELECT 1 FROM %4$s AS target WHERE target.id = row.%3$s) "
	"AND NOT EXISTS (SELECT 1 FROM prune_rest WHERE what = %6$d AND prune_rest.id = row.%3$s)";

struct auditing {
	struct store_reader *reader;
	audit_function function;
	void *context;
	bool stop;
};

/* `finding` has the check and its rule. */
static struct error *run_check(struct auditing *auditing, const char *sql, struct audit_finding *finding)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	const struct store_connection *connection = &auditing->reader->connection;
	struct error *err = store_connection_prepare(connection, sql, 0, &statement);
	int status = SQLITE_DONE;

	while (!err && !auditing->stop && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(statement, 1);
		const char *message = (const char *)sqlite3_column_text(statement, 3);

		finding->recording_id = sqlite3_column_int64(statement, 0);
		finding->table = table ? table : "";
		finding->row_id = sqlite3_column_int64(statement, 2);
		finding->message = message ? message : "";
		auditing->stop = !auditing->function(auditing->context, finding);
	}
	if (!err && status != SQLITE_DONE && status != SQLITE_ROW)
		err = store_connection_error(connection, status, finding->check);
	return err;
}

static struct error *run_query(struct auditing *auditing, const struct embedded_sql *query)
{
	static const char head[] = "-- Rule: ";
	const char *rule = strstr(query->sql, head);
	cleanup_free char *text = rule ? strdup(rule + strlen(head)) : NULL;
	struct audit_finding finding = {.check = query->name, .rule = text};

	if (!text)
		return rule ? &error_no_memory : error_format(ERROR_INVALID, "audit/%s.sql has no rule", query->name);
	text[strcspn(text, "\n")] = 0;
	return run_check(auditing, query->sql, &finding);
}

static struct error *run_reference(struct auditing *auditing, const struct reference *reference)
{
	bool is_process = strcmp(reference->target, "process") == 0, is_space = strcmp(reference->target, "space") == 0;
	cleanup_free char *sql = NULL, *check = NULL, *rule = NULL, *optional = NULL;
	struct audit_finding finding;

	if (asprintf(&optional, "row.%s <> 0 AND", reference->column) < 0 ||
	    asprintf(&sql, reference_sql, reference->table, reference->id, reference->column, reference->target,
		     reference->optional ? optional : "",
		     is_process ? 1
		     : is_space ? 2
				: 0) < 0 ||
	    asprintf(&check, "reference-%s", reference->target) < 0 ||
	    asprintf(&rule, "%s.%s names a row of %s", reference->table, reference->column, reference->target) < 0)
		return &error_no_memory;
	finding = (struct audit_finding){.check = check, .rule = rule};
	return run_check(auditing, sql, &finding);
}

struct error *store_reader_audit(struct store_reader *reader, audit_function function, void *context,
				 struct audit_sums *ret)
{
	struct auditing auditing = {.reader = reader, .function = function, .context = context};
	int64_t recordings = 0, processes = 0;
	/* One state, whatever a recorder adds meanwhile. */
	struct error *err = store_connection_execute(&reader->connection, "BEGIN");

	if (err)
		return err;
	err = store_connection_get(&reader->connection, "SELECT count(*) FROM recording", &recordings)
		      ?: store_connection_get(&reader->connection, "SELECT count(*) FROM process", &processes);
	for (int i = 0; !err && !auditing.stop && i < store_audits_count; i++)
		err = run_query(&auditing, &store_audits[i]);
	for (size_t i = 0; !err && !auditing.stop && i < array_size(references); i++)
		err = run_reference(&auditing, &references[i]);
	sqlite3_exec(reader->connection.db, "ROLLBACK", NULL, NULL, NULL);
	*ret = (struct audit_sums){.recordings = (uint64_t)recordings, .processes = (uint64_t)processes};
	return err;
}
