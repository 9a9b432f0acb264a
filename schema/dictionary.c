/* SPDX-License-Identifier: MIT */
/*
 * Names and types come from a model of the schema in memory. Meanings come from the text of the migrations, because
 * SQLite does not keep what stands before an ALTER TABLE. What is understood there:
 *
 *	CREATE TABLE name ( or CREATE VIEW name AS, then lines of comment: what it is
 *	a line of a table that begins with a column's name and ends in a comment
 *	a line of a view that ends in "AS name" and a comment, or is followed by one
 *	a comment before ALTER TABLE name ADD COLUMN column
 *	-- name.column: meaning
 */
#include "schema/dictionary.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/connection.h"
#include "schema/migrate.h"
#include "schema/sql_embedded.h"

#define NAME_BYTES 64

void dictionary_deinit(struct dictionary *dictionary)
{
	for (size_t i = 0; i < dictionary->table_count; i++) {
		struct dictionary_table *table = &dictionary->tables[i];

		for (size_t j = 0; j < table->column_count; j++) {
			free(table->columns[j].name);
			free(table->columns[j].type);
			free(table->columns[j].unit);
			free(table->columns[j].meaning);
		}
		free(table->columns);
		free(table->name);
		free(table->meaning);
	}
	free(dictionary->tables);
	*dictionary = (struct dictionary){0};
}

static struct dictionary_table *find_table(const struct dictionary *dictionary, const char *name)
{
	for (size_t i = 0; i < dictionary->table_count; i++)
		if (strcmp(dictionary->tables[i].name, name) == 0)
			return &dictionary->tables[i];
	return NULL;
}

static struct dictionary_column *find_column(const struct dictionary_table *table, const char *name)
{
	for (size_t i = 0; table && i < table->column_count; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

/* ---- names and types ---- */

static struct error *load_columns(const struct store_connection *model, struct dictionary_table *table)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err =
		store_connection_prepare(model, "SELECT name, type FROM pragma_table_info(:table)", 0, &statement);

	int parameter;

	if (!err)
		err = store_parameter_find(model, statement, ":table", &parameter);
	if (err)
		return err;
	sqlite3_bind_text(statement, parameter, table->name, -1, SQLITE_STATIC);
	while (sqlite3_step(statement) == SQLITE_ROW) {

		if (array_resize(table->columns, table->column_count + 1))
			return &error_no_memory;
		table->columns[table->column_count++] = (struct dictionary_column){
			.name = strdup((const char *)sqlite3_column_text(statement, 0)),
			.type = strdup(table->is_view ? "" : (const char *)sqlite3_column_text(statement, 1)),
		};
		if (!table->columns[table->column_count - 1].name || !table->columns[table->column_count - 1].type)
			return &error_no_memory;
	}
	return NULL;
}

static struct error *load_names(const struct store_connection *model, struct dictionary *dictionary)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(model,
						     "SELECT name, type = 'view' FROM sqlite_schema "
						     "WHERE type IN ('table', 'view') ORDER BY type = 'table', name",
						     0, &statement);

	while (!err && sqlite3_step(statement) == SQLITE_ROW) {
		struct dictionary_table *table;

		if (array_resize(dictionary->tables, dictionary->table_count + 1))
			return &error_no_memory;
		table = &dictionary->tables[dictionary->table_count++];
		*table = (struct dictionary_table){
			.name = strdup((const char *)sqlite3_column_text(statement, 0)),
			.is_view = sqlite3_column_int(statement, 1),
		};
		err = table->name ? load_columns(model, table) : &error_no_memory;
	}
	return err;
}

/* ---- meanings ---- */

static const char *comment_of(const char *line)
{
	const char *comment = strstr(line, "-- ");

	return comment ? comment + 3 : NULL;
}

struct reading {
	struct dictionary *dictionary;
	struct dictionary_table *table; /* whose statement the line is in; NULL: none */
	bool at_head;			/* its first lines: what it is as a whole */
	struct dictionary_column *open; /* of a view: the column that the line before was the end of */
	char *pending;			/* a comment outside of statements, so far */
};

static struct error *append(char **text, const char *more)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", *text ? *text : "", *text ? " " : "", more) < 0)
		return &error_no_memory;
	free(*text);
	*text = joined;
	return NULL;
}

/* "ns; entry of the call": a unit is one of these words. */
static struct error *set_meaning(struct dictionary_column *column, const char *text)
{
	static const char *const units[] = {"ns", "us", "s", "bytes", "address", "events", "UTC"};
	const char *rest = strchr(text, ';');

	free(column->unit);
	free(column->meaning);
	column->unit = column->meaning = NULL;
	for (size_t i = 0; rest && i < array_size(units); i++) {
		if (strlen(units[i]) != (size_t)(rest - text) || strncmp(text, units[i], strlen(units[i])) != 0)
			continue;
		column->unit = strdup(units[i]);
		text = rest + 1 + strspn(rest + 1, " ");
	}
	column->meaning = strdup(text);
	return column->meaning ? NULL : &error_no_memory;
}

static struct error *begin_statement(struct reading *reading, const char *line)
{
	char name[NAME_BYTES], column[NAME_BYTES];
	struct dictionary_column *added;
	struct error *err = NULL;

	if (sscanf(line, "CREATE TABLE %63[a-z0-9_]", name) == 1 ||
	    sscanf(line, "CREATE VIEW %63[a-z0-9_]", name) == 1) {
		reading->table = find_table(reading->dictionary, name);
		reading->at_head = true;
		if (reading->table) { /* a view may have been made anew */
			free(reading->table->meaning);
			reading->table->meaning = NULL;
		}
	} else if (sscanf(line, "ALTER TABLE %63[a-z0-9_] ADD COLUMN %63[a-z0-9_]", name, column) == 2) {
		added = find_column(find_table(reading->dictionary, name), column);
		if (added && reading->pending)
			err = set_meaning(added, reading->pending);
	}
	free(reading->pending);
	reading->pending = NULL;
	return err;
}

/* Outside of statements. */
static struct error *read_loose_comment(struct reading *reading, const char *text)
{
	char name[NAME_BYTES], column[NAME_BYTES];
	struct dictionary_column *told;
	int end = 0;

	if (sscanf(text, "%63[a-z0-9_].%63[a-z0-9_]: %n", name, column, &end) == 2 && end) {
		told = find_column(find_table(reading->dictionary, name), column);
		if (told)
			return set_meaning(told, text + end);
	}
	return append(&reading->pending, text);
}

/* The name after the last " AS " of the part before the comment, if the part ends with it. */
static struct dictionary_column *column_of_view(const struct reading *reading, const char *line)
{
	const char *end = comment_of(line), *at = NULL;
	char name[NAME_BYTES];
	int used = 0;

	end = end ? end - 3 : line + strlen(line);
	for (const char *next = line; (next = strstr(next, " AS ")) && next < end; next++)
		at = next;
	if (!at || sscanf(at, " AS %63[a-z0-9_]%n", name, &used) != 1)
		return NULL;
	for (at += used; at < end; at++)
		if (*at != ',' && *at != ' ')
			return NULL;
	return find_column(reading->table, name);
}

static struct error *read_statement_line(struct reading *reading, const char *line)
{
	const char *comment = comment_of(line), *text = line + strspn(line, "\t ");
	struct dictionary_column *column, *before = reading->open;
	char name[NAME_BYTES];

	reading->open = NULL;
	if (comment && text == comment - 3) {
		if (reading->at_head)
			return append(&reading->table->meaning, comment);
		return before ? set_meaning(before, comment) : NULL;
	}
	reading->at_head = false;
	if (reading->table->is_view) {
		column = column_of_view(reading, line);
		if (column && !comment)
			reading->open = column;
	} else {
		column = sscanf(text, "%63[a-z0-9_] ", name) == 1 ? find_column(reading->table, name) : NULL;
		/* Every table of ours names its rows so. */
		if (column && !comment && strcmp(name, "id") == 0)
			return set_meaning(column, "number of the row, by which others name it");
	}
	return column && comment ? set_meaning(column, comment) : NULL;
}

static struct error *read_line(struct reading *reading, const char *line)
{
	bool is_last = line[0] && line[strlen(line) - 1] == ';' && !comment_of(line);
	struct error *err;

	if (reading->table) {
		err = read_statement_line(reading, line);
		if (is_last)
			reading->table = NULL;
		return err;
	}
	if (strncmp(line, "-- ", 3) == 0)
		return read_loose_comment(reading, line + 3);
	if (isupper((unsigned char)line[0]))
		return begin_statement(reading, line);
	free(reading->pending);
	reading->pending = NULL;
	return NULL;
}

static struct error *read_migration(struct dictionary *dictionary, const char *sql)
{
	struct reading reading = {.dictionary = dictionary};
	struct error *err = NULL;

	while (!err && *sql) {
		size_t length = strcspn(sql, "\n");
		cleanup_free char *line = strndup(sql, length);

		err = line ? read_line(&reading, line) : &error_no_memory;
		sql += length + (sql[length] == '\n');
	}
	free(reading.pending);
	return err;
}

static struct error *fill(char **text)
{
	if (!*text)
		*text = strdup("");
	return *text ? NULL : &error_no_memory;
}

static struct error *fill_holes(struct dictionary *dictionary)
{
	struct error *err = NULL;

	for (size_t i = 0; !err && i < dictionary->table_count; i++) {
		struct dictionary_table *table = &dictionary->tables[i];

		err = fill(&table->meaning);
		for (size_t j = 0; !err && j < table->column_count; j++)
			err = fill(&table->columns[j].meaning);
	}
	return err;
}

struct error *dictionary_load(struct dictionary *ret)
{
	struct dictionary dictionary = {0};
	struct store_connection model = {0};
	struct error *err =
		store_connection_open_model(&model, store_newest_version()) ?: load_names(&model, &dictionary);

	for (int i = 0; !err && i < store_migrations_count; i++)
		err = read_migration(&dictionary, store_migrations[i].sql);
	store_connection_close(&model);
	if (!err)
		err = fill_holes(&dictionary);
	if (err)
		dictionary_deinit(&dictionary);
	else
		*ret = dictionary;
	return err;
}
