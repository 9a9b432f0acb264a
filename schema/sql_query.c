/* SPDX-License-Identifier: MIT */
/*
 * SQL of people: one statement, which reads.
 *
 * The file is open read-only and the connection has query_only, but that leaves other files (ATTACH, VACUUM INTO) and
 * settings. An authorizer, which allows by list, refuses them before they run.
 */
#include "schema/sql_query.h"

#include <stdlib.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/sql_functions.h"

/* Pragmas that tell and change nothing, with or without an argument. */
static const char *const argument_pragmas[] = {
	"foreign_key_list", "index_info", "index_list", "index_xinfo", "integrity_check",
	"quick_check",	    "table_info", "table_list", "table_xinfo",
};

/* Pragmas that tell without an argument and change something with one. */
static const char *const plain_pragmas[] = {
	"application_id", "collation_list", "compile_options", "database_list", "encoding",	  "freelist_count",
	"function_list",  "page_count",	    "page_size",       "pragma_list",	"schema_version", "user_version",
};

static bool is_listed(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (sqlite3_stricmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool pragma_is_harmless(const char *name, const char *argument)
{
	if (is_listed(name, argument_pragmas, array_size(argument_pragmas)))
		return true;
	return !argument && is_listed(name, plain_pragmas, array_size(plain_pragmas));
}

static int authorize(void *context, int action, const char *first, const char *second, const char *database,
		     const char *trigger)
{
	(void)context;
	(void)database;
	(void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		return pragma_is_harmless(first, second) ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_UPDATE:
		/* How SQLite declares a table-valued function such as json_each(). A true update of that table is
		 * refused by SQLite itself, and by sqlite3_stmt_readonly(). */
		return sqlite3_stricmp(first, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static struct error *statement_error(const struct store_connection *connection, int status)
{
	if ((status & 0xff) == SQLITE_NOMEM)
		return &error_no_memory;
	if ((status & 0xff) == SQLITE_INTERRUPT)
		return error_format(ERROR_SYSTEM, "interrupted");
	if ((status & 0xff) == SQLITE_AUTH)
		return error_format(ERROR_INVALID, "only statements that read are allowed: %s",
				    sqlite3_errmsg(connection->db));
	return error_format(ERROR_INVALID, "%s", sqlite3_errmsg(connection->db));
}

static struct error *prepare_single(const struct store_connection *connection, const char *sql,
				    sqlite3_stmt **ret_statement)
{
	cleanup_statement sqlite3_stmt *statement = NULL, *second = NULL;
	const char *rest = sql;
	int status = SQLITE_OK;

	/* A leading semicolon or comment makes an empty statement. */
	while (!statement && *rest && status == SQLITE_OK)
		status = sqlite3_prepare_v2(connection->db, rest, -1, &statement, &rest);
	if (status != SQLITE_OK)
		return statement_error(connection, status);
	if (!statement)
		return error_format(ERROR_INVALID, "no statement");
	while (!second && *rest) {
		status = sqlite3_prepare_v2(connection->db, rest, -1, &second, &rest);
		if (second || status != SQLITE_OK)
			return error_format(ERROR_INVALID, "more than one statement");
	}
	if (!sqlite3_stmt_readonly(statement))
		return error_format(ERROR_INVALID, "only statements that read are allowed");
	*ret_statement = take_pointer(statement);
	return NULL;
}

static char *hex_text(const unsigned char *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * size + 1);

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * size] = '\0';
	return text;
}

/* A blob is shown in hexadecimal; `*ret_hex` then owns the text. */
static struct error *column_value(sqlite3_stmt *statement, int column, char **ret_hex, const char **ret_value)
{
	*ret_value = NULL;
	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_NULL:
		return NULL;
	case SQLITE_BLOB:
		*ret_hex = hex_text(sqlite3_column_blob(statement, column),
				    (size_t)sqlite3_column_bytes(statement, column));
		*ret_value = *ret_hex;
		break;
	default:
		*ret_value = (const char *)sqlite3_column_text(statement, column);
		break;
	}
	return *ret_value ? NULL : &error_no_memory;
}

struct text_row {
	int columns;
	const char **names;
	const char **values;
	char **hexes;
};

static struct error *text_row_init(struct text_row *row, sqlite3_stmt *statement)
{
	size_t columns = (size_t)sqlite3_column_count(statement);

	*row = (struct text_row){
		.columns = (int)columns,
		.names = calloc(columns + 1, sizeof(*row->names)),
		.values = calloc(columns + 1, sizeof(*row->values)),
		.hexes = calloc(columns + 1, sizeof(*row->hexes)),
	};
	if (!row->names || !row->values || !row->hexes)
		return &error_no_memory;
	for (int i = 0; i < row->columns; i++) {
		row->names[i] = sqlite3_column_name(statement, i);
		if (!row->names[i])
			return &error_no_memory;
	}
	return NULL;
}

static void text_row_clear(struct text_row *row)
{
	for (int i = 0; i < row->columns && row->hexes; i++) {
		free(row->hexes[i]);
		row->hexes[i] = NULL;
	}
}

static void text_row_deinit(struct text_row *row)
{
	text_row_clear(row);
	free(row->names);
	free(row->values);
	free(row->hexes);
}

static struct error *run_statement(const struct store_connection *connection, sqlite3_stmt *statement,
				   store_row_function function, void *context)
{
	bool go_on = true;
	struct text_row row;
	/* The first step may prepare the statement anew, so that names are taken after it. */
	int status = sqlite3_step(statement);
	struct error *err = text_row_init(&row, statement);

	while (!err && go_on && status == SQLITE_ROW) {
		for (int i = 0; !err && i < row.columns; i++)
			err = column_value(statement, i, &row.hexes[i], &row.values[i]);
		if (err)
			break;
		go_on = function(context, row.columns, row.names, row.values);
		text_row_clear(&row);
		if (go_on)
			status = sqlite3_step(statement);
	}
	text_row_deinit(&row);
	if (!err && status != SQLITE_ROW && status != SQLITE_DONE)
		err = statement_error(connection, status);
	return err;
}

/* Virtual machine instructions between two questions: a few milliseconds. */
#define PROGRESS_STEPS 20000

static int ask_progress(void *context)
{
	const struct store_reader *reader = context;

	return !reader->progress(reader->progress_context);
}

void store_reader_set_progress(struct store_reader *reader, store_progress_function progress, void *context)
{
	reader->progress = progress;
	reader->progress_context = context;
	sqlite3_progress_handler(reader->connection.db, PROGRESS_STEPS, progress ? ask_progress : NULL, reader);
}

static struct error *add_functions(struct store_reader *reader)
{
	struct error *err;

	if (reader->has_functions)
		return NULL;
	err = store_functions_add(reader) ?: store_replay_tables_add(reader) ?: store_views_add(reader);
	reader->has_functions = !err;
	return err;
}

static int bind_value(sqlite3_stmt *statement, int parameter, const struct store_value *value)
{
	switch (value->type) {
	case STORE_INTEGER:
		return sqlite3_bind_int64(statement, parameter, value->integer);
	case STORE_TEXT:
		return sqlite3_bind_text(statement, parameter, value->text, -1, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(statement, parameter);
	}
}

static struct error *bind_arguments(const struct store_connection *connection, sqlite3_stmt *statement,
				    const struct store_argument *arguments, size_t count)
{
	int wanted = sqlite3_bind_parameter_count(statement);

	if ((size_t)wanted != count)
		return error_format(ERROR_INVALID, "the statement has %d parameter%s, and %zu %s given", wanted,
				    wanted == 1 ? "" : "s", count, count == 1 ? "was" : "were");
	for (size_t i = 0; i < count; i++) {
		int parameter =
			arguments[i].name ? sqlite3_bind_parameter_index(statement, arguments[i].name) : (int)i + 1;

		if (!parameter)
			return error_format(ERROR_INVALID, "the statement has no parameter %s", arguments[i].name);
		if (bind_value(statement, parameter, &arguments[i].value) != SQLITE_OK)
			return error_format(ERROR_INVALID, "%s", sqlite3_errmsg(connection->db));
	}
	return NULL;
}

struct error *store_reader_query_bound(struct store_reader *reader, const char *sql,
				       const struct store_argument *arguments, size_t argument_count,
				       store_row_function row, void *context)
{
	const struct store_connection *connection = &reader->connection;
	sqlite3_stmt *statement = NULL;
	struct error *err = add_functions(reader);

	if (err)
		return err;
	sqlite3_set_authorizer(connection->db, authorize, NULL);
	err = prepare_single(connection, sql, &statement)
		?: bind_arguments(connection, statement, arguments, argument_count)
		?: run_statement(connection, statement, row, context);
	sqlite3_finalize(statement);
	sqlite3_set_authorizer(connection->db, NULL, NULL);
	return err;
}

struct error *store_reader_query(struct store_reader *reader, const char *sql, store_row_function row, void *context)
{
	return store_reader_query_bound(reader, sql, NULL, 0, row, context);
}
