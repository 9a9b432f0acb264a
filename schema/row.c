/* SPDX-License-Identifier: MIT */
#include "schema/row.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts ---- */

struct text {
	char bytes[2048];
	size_t used;
};

/* What has no room is cut, which prepare_text() refuses. */
__attribute__((format(printf, 2, 3))) static void add_text(struct text *text, const char *format, ...)
{
	size_t room = sizeof(text->bytes) - text->used;
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	bytes = vsnprintf(text->bytes + text->used, room, format, arguments);
	va_end(arguments);
	text->used += bytes < 0 || (size_t)bytes >= room ? room - 1 : (size_t)bytes;
}

static struct error *prepare_text(const struct store_connection *connection, const struct text *text,
				  unsigned int flags, sqlite3_stmt **ret_statement)
{
	if (text->used + 1 >= sizeof(text->bytes))
		return error_format(ERROR_INVALID, "%s: a statement is too long: %.60s", connection->path, text->bytes);
	return store_connection_prepare(connection, text->bytes, flags, ret_statement);
}

/* ---- out ---- */

struct error *row_select(const struct store_connection *connection, const struct row_table *table, const char *rest,
			 const struct store_parameter *parameters, int parameter_count, sqlite3_stmt **ret_statement)
{
	struct text text = {.bytes = "SELECT ", .used = strlen("SELECT ")};
	struct error *err;

	for (int i = 0; i < table->column_count; i++) {
		const struct row_column *column = &table->columns[i];

		if (column->read)
			add_text(&text, "%s%s", i ? ", " : "", column->read);
		else
			add_text(&text, "%s%s.%s", i ? ", " : "", table->name, column->name);
	}
	add_text(&text, " FROM main.%s %s", table->name, rest);
	err = prepare_text(connection, &text, 0, ret_statement);
	if (!err)
		err = store_bind(connection, *ret_statement, parameters, parameter_count);
	return err;
}

static char *copy_bytes(const void *data, size_t size)
{
	char *copy = malloc(size + 1);

	if (!copy)
		return NULL;
	if (size)
		memcpy(copy, data, size);
	copy[size] = 0;
	return copy;
}

/* False without memory. */
static bool read_text(sqlite3_stmt *statement, int n, const struct row_column *column, char **ret)
{
	const char *text = (const char *)sqlite3_column_text(statement, n);

	if (!text && sqlite3_column_type(statement, n) != SQLITE_NULL)
		return false;
	if (!text && column->type == ROW_MAYBE_TEXT)
		return true;
	*ret = strdup(text ? text : "");
	return *ret;
}

static bool read_blob(sqlite3_stmt *statement, int n, char **ret, uint32_t *ret_bytes)
{
	const void *data;

	if (sqlite3_column_type(statement, n) == SQLITE_NULL)
		return true;
	data = sqlite3_column_blob(statement, n);
	*ret_bytes = (uint32_t)sqlite3_column_bytes(statement, n);
	*ret = copy_bytes(data, data ? *ret_bytes : 0);
	return *ret && (data || !*ret_bytes);
}

static void read_name(sqlite3_stmt *statement, int n, const struct row_column *column, char *ret)
{
	const char *text = (const char *)sqlite3_column_text(statement, n);

	if (text)
		memcpy(ret, text, strnlen(text, column->bytes - 1));
}

static void read_number(sqlite3_stmt *statement, int n, const struct row_column *column, char *row)
{
	void *member = row + column->offset, *other = row + column->other;
	int64_t number = sqlite3_column_int64(statement, n);

	switch (column->type) {
	case ROW_BOOL:
		*(bool *)member = number != 0;
		break;
	case ROW_I32:
	case ROW_U32:
		*(uint32_t *)member = (uint32_t)number;
		break;
	case ROW_DURATION:
		*(uint64_t *)member = *(uint64_t *)other + (uint64_t)number;
		break;
	case ROW_MAYBE_RETURNED:
		*(uint64_t *)member = number < 0 ? 0 : *(uint64_t *)other + (uint64_t)number;
		break;
	default:
		*(int64_t *)member = number;
		break;
	}
}

/* False without memory. */
static bool read_text_or_blob(sqlite3_stmt *statement, int n, const struct row_column *column, char *row)
{
	void *member = row + column->offset, *other = row + column->other;

	if (column->type == ROW_NAME) {
		read_name(statement, n, column, member);
		return true;
	}
	return column->type == ROW_BLOB ? read_blob(statement, n, member, other)
					: read_text(statement, n, column, member);
}

/* On the path of every event: see row_statement_bind(). */
struct error *row_read(const struct row_table *table, sqlite3_stmt *statement, void *ret)
{
	const struct row_column *column = table->columns;
	const int count = table->column_count;
	char *row = ret;
	bool good = true;

	memset(row, 0, table->size);
	for (int n = 0; n < count; n++, column++) {
		if (column->type == ROW_WORD)
			*(int64_t *)(void *)(row + column->offset) = sqlite3_column_int64(statement, n);
		else if (column->type < ROW_NAME)
			read_number(statement, n, column, row);
		else
			good &= read_text_or_blob(statement, n, column, row);
	}
	return good ? NULL : &error_no_memory;
}

void row_deinit(const struct row_table *table, void *row)
{
	for (int n = 0; n < table->column_count; n++) {
		const struct row_column *column = &table->columns[n];
		char **member = (char **)(void *)((char *)row + column->offset);

		if (column->type != ROW_TEXT && column->type != ROW_MAYBE_TEXT && column->type != ROW_BLOB)
			continue;
		free(*member);
		*member = NULL;
	}
}

/* ---- in ---- */

static void write_insertion(const struct row_table *table, struct text *text)
{
	bool with_id = table->ids_are_counted || strcmp(table->columns[0].name, "id") != 0;

	add_text(text, "INSERT INTO main.%s (", table->name);
	for (int i = !with_id; i < table->column_count; i++)
		add_text(text, "%s%s", i > !with_id ? ", " : "", table->columns[i].name);
	add_text(text, ") VALUES (");
	for (int i = !with_id; i < table->column_count; i++)
		add_text(text, "%s:%s", i > !with_id ? ", " : "", table->columns[i].name);
	add_text(text, ")");
}

static const struct row_column *find_column(const struct row_table *table, const char *parameter)
{
	for (int i = 0; parameter && parameter[0] == ':' && i < table->column_count; i++)
		if (strcmp(table->columns[i].name, parameter + 1) == 0)
			return &table->columns[i];
	return NULL;
}

struct error *row_statement_init(struct row_statement *statement, const struct store_connection *connection,
				 const struct row_table *table, const char *sql)
{
	struct text text = {0};
	struct error *err;

	if (sql)
		add_text(&text, "%s", sql);
	else
		write_insertion(table, &text);
	err = prepare_text(connection, &text, SQLITE_PREPARE_PERSISTENT, &statement->statement);
	if (err)
		return err;
	statement->parameter_count = sqlite3_bind_parameter_count(statement->statement);
	for (int i = 0; i < statement->parameter_count; i++) {
		const char *name = sqlite3_bind_parameter_name(statement->statement, i + 1);
		const struct row_column *column = i < ROW_PARAMETERS_MAX ? find_column(table, name) : NULL;

		if (!column)
			return error_format(ERROR_INVALID, "%s: parameter %d (%s) is no column of %s: %s",
					    connection->path, i + 1, name ? name : "?", table->name, text.bytes);
		statement->parameters[i] = *column;
	}
	return NULL;
}

void row_statement_deinit(struct row_statement *statement)
{
	sqlite3_finalize(statement->statement);
	*statement = (struct row_statement){0};
}

/* What the column of a call's return holds. */
static int64_t duration(uint64_t enter_ns, uint64_t exit_ns)
{
	return exit_ns > enter_ns ? store_time(exit_ns - enter_ns) : 0;
}

static void bind_number(sqlite3_stmt *statement, int number, const struct row_column *column, const char *row)
{
	const void *member = row + column->offset, *other = row + column->other;

	switch (column->type) {
	case ROW_BOOL:
		sqlite3_bind_int64(statement, number, *(const bool *)member);
		break;
	case ROW_I32:
		sqlite3_bind_int64(statement, number, *(const int32_t *)member);
		break;
	case ROW_U32:
		sqlite3_bind_int64(statement, number, *(const uint32_t *)member);
		break;
	case ROW_TIME:
		sqlite3_bind_int64(statement, number, store_time(*(const uint64_t *)member));
		break;
	case ROW_DURATION:
		sqlite3_bind_int64(statement, number, duration(*(const uint64_t *)other, *(const uint64_t *)member));
		break;
	case ROW_MAYBE_RETURNED:
		sqlite3_bind_int64(
			statement, number,
			*(const uint64_t *)member ? duration(*(const uint64_t *)other, *(const uint64_t *)member) : -1);
		break;
	default:
		break;
	}
}

static void bind_text_or_blob(sqlite3_stmt *statement, int number, const struct row_column *column, const char *row)
{
	const void *member = row + column->offset, *other = row + column->other;
	const char *text = column->type == ROW_NAME ? member : *(char *const *)member;

	switch (column->type) {
	case ROW_NAME:
		sqlite3_bind_text(statement, number, text, (int)strnlen(text, column->bytes), SQLITE_STATIC);
		break;
	case ROW_TEXT:
		sqlite3_bind_text(statement, number, text ? text : "", -1, SQLITE_STATIC);
		break;
	case ROW_MAYBE_TEXT:
		/* NULL is bound as NULL. */
		sqlite3_bind_text(statement, number, text, -1, SQLITE_STATIC);
		break;
	case ROW_BLOB:
		/* A blob of no bytes is not NULL, whatever its address. */
		if (text)
			sqlite3_bind_blob64(statement, number, text, *(const uint32_t *)other, SQLITE_STATIC);
		else
			sqlite3_bind_null(statement, number);
		break;
	default:
		break;
	}
}

/* On the path of every event: words, which most columns are, come first. */
void row_statement_bind(const struct row_statement *row_statement, const void *row)
{
	sqlite3_stmt *statement = row_statement->statement;
	const struct row_column *column = row_statement->parameters;
	const int count = row_statement->parameter_count;

	for (int number = 1; number <= count; number++, column++) {
		if (column->type == ROW_WORD)
			sqlite3_bind_int64(statement, number,
					   *(const int64_t *)(const void *)((const char *)row + column->offset));
		else if (column->type < ROW_NAME)
			bind_number(statement, number, column, row);
		else
			bind_text_or_blob(statement, number, column, row);
	}
}
