/* SPDX-License-Identifier: MIT */
/*
 * Table-valued functions that SQL has in every query of corelate: mapping_life, unmap_again, heap_life, free_again.
 * Without an argument each address space is followed by itself; with a space's id that one is, together with what it
 * inherited from those that it was forked from. Rows are made while the events are read.
 */
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/reader_lineage.h"
#include "schema/record_call.h"
#include "schema/record_memory.h"
#include "schema/row.h"
#include "schema/sql_functions.h"
#include "schema/sql_replay.h"

struct table_kind {
	const char *name;
	const char *declaration; /* the last column is hidden: the argument */
	int columns;		 /* without that one */
	unsigned nullable;	 /* bit n: 0 in column n is NULL */
	bool of_heap;
	enum replay_want want;
};

static const struct table_kind kinds[] = {
	{"mapping_life",
	 "CREATE TABLE mapping_life (space_id INTEGER, start INTEGER, \"end\" INTEGER, protection INTEGER, "
	 "file_id INTEGER, made_event INTEGER, gone_event INTEGER, is_open INTEGER, of_space HIDDEN)",
	 8, 1 << 4 | 1 << 6, false, REPLAY_LIVES},
	{"unmap_again",
	 "CREATE TABLE unmap_again (space_id INTEGER, start INTEGER, \"end\" INTEGER, earlier_event INTEGER, "
	 "event INTEGER, of_space HIDDEN)",
	 5, 0, false, REPLAY_AGAIN},
	{"heap_life",
	 "CREATE TABLE heap_life (space_id INTEGER, block INTEGER, size INTEGER, made_call INTEGER, "
	 "gone_call INTEGER, of_space HIDDEN)",
	 5, 1 << 3 | 1 << 4, true, REPLAY_LIVES},
	{"free_again",
	 "CREATE TABLE free_again (space_id INTEGER, block INTEGER, earlier_call INTEGER, call INTEGER, "
	 "of_space HIDDEN)",
	 4, 0, true, REPLAY_AGAIN},
};

struct replay_module {
	struct store_reader *reader;
	const struct table_kind *kind;
};

struct replay_table {
	sqlite3_vtab base; /* first */
	struct replay_module module;
};

struct replay_cursor {
	sqlite3_vtab_cursor base; /* first */
	const struct replay_module *module;
	sqlite3_stmt *statement; /* NULL: all events are read */
	struct lineage_step *steps;
	size_t step_count;
	int64_t space_id; /* 0: all */
	struct mapping_replay mappings;
	struct block_replay heap;
	const int64_t *row; /* NULL: no more */
	sqlite3_int64 number;
};

static int connect_table(sqlite3 *db, void *context, int count, const char *const *values, sqlite3_vtab **ret_table,
			 char **ret_message)
{
	const struct replay_module *module = context;
	struct replay_table *table = sqlite3_malloc(sizeof(*table));

	(void)count;
	(void)values;
	(void)ret_message;
	if (!table)
		return SQLITE_NOMEM;
	*table = (struct replay_table){.module = *module};
	*ret_table = &table->base;
	return sqlite3_declare_vtab(db, module->kind->declaration);
}

static int disconnect_table(sqlite3_vtab *table)
{
	sqlite3_free(table);
	return SQLITE_OK;
}

static int choose_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct replay_table *table = (const struct replay_table *)base;

	/* Never inside of another loop, where there is a choice. */
	info->estimatedCost = 1e9;
	info->estimatedRows = 100000;
	for (int i = 0; i < info->nConstraint; i++) {
		if (info->aConstraint[i].iColumn != table->module.kind->columns ||
		    info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		if (!info->aConstraint[i].usable)
			return SQLITE_CONSTRAINT;
		info->aConstraintUsage[i].argvIndex = 1;
		info->aConstraintUsage[i].omit = 1;
		info->idxNum = 1;
		info->estimatedCost = 1e8;
		info->estimatedRows = 10000;
	}
	return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **ret_cursor)
{
	struct replay_cursor *cursor = calloc(1, sizeof(*cursor));

	if (!cursor)
		return SQLITE_NOMEM;
	cursor->module = &((const struct replay_table *)base)->module;
	*ret_cursor = &cursor->base;
	return SQLITE_OK;
}

static void reset_cursor(struct replay_cursor *cursor)
{
	sqlite3_finalize(cursor->statement);
	free(cursor->steps);
	mapping_replay_deinit(&cursor->mappings);
	block_replay_deinit(&cursor->heap);
	cursor->statement = NULL;
	cursor->steps = NULL;
	cursor->row = NULL;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	struct replay_cursor *cursor = (struct replay_cursor *)base;

	reset_cursor(cursor);
	free(cursor);
	return SQLITE_OK;
}

/* Hands the error to SQLite, which frees its message, and consumes it. */
static int refuse(struct replay_cursor *cursor, struct error *err)
{
	int status = err->code == ERROR_NO_MEMORY ? SQLITE_NOMEM : SQLITE_ERROR;

	sqlite3_free(cursor->base.pVtab->zErrMsg);
	cursor->base.pVtab->zErrMsg = sqlite3_mprintf("%s", err->message);
	error_destroy(err);
	return status;
}

static struct replay_rows *rows_of(struct replay_cursor *cursor)
{
	return cursor->module->kind->of_heap ? &cursor->heap.rows : &cursor->mappings.rows;
}

static struct error *take_event(struct replay_cursor *cursor)
{
	struct memory_event event;
	struct error *err = row_read(&row_event, cursor->statement, &event);

	if (err)
		return err;
	if (cursor->space_id && !store_lineage_takes(cursor->steps, cursor->step_count, &event))
		return NULL;
	return mapping_replay_take(&cursor->mappings, &event);
}

static struct error *take_call(struct replay_cursor *cursor)
{
	struct heap_event event;
	struct error *err = row_read(&row_heap, cursor->statement, &event);

	if (err)
		return err;
	if (cursor->space_id) {
		if (!store_lineage_holds(cursor->steps, cursor->step_count, event.space_id, event.enter_ns))
			return NULL;
		event.space_id = cursor->space_id;
	}
	return block_replay_take(&cursor->heap, &event);
}

static struct error *finish(struct replay_cursor *cursor)
{
	sqlite3_finalize(cursor->statement);
	cursor->statement = NULL;
	return cursor->module->kind->of_heap ? block_replay_finish(&cursor->heap)
					     : mapping_replay_finish(&cursor->mappings);
}

/* Reads events until they make a row. */
static int next_row(sqlite3_vtab_cursor *base)
{
	struct replay_cursor *cursor = (struct replay_cursor *)base;
	struct error *err = NULL;

	cursor->number++;
	while (!(cursor->row = replay_rows_take(rows_of(cursor))) && cursor->statement) {
		int status = sqlite3_step(cursor->statement);

		if (status == SQLITE_ROW)
			err = cursor->module->kind->of_heap ? take_call(cursor) : take_event(cursor);
		else if (status == SQLITE_DONE)
			err = finish(cursor);
		else
			return status;
		if (err)
			return refuse(cursor, err);
	}
	return SQLITE_OK;
}

/* Of all spaces together: any loss may be of any. */
static struct error *find_losses(struct replay_cursor *cursor)
{
	struct store_reader *reader = cursor->module->reader;
	cleanup_free struct gap *gaps = NULL;
	size_t count = 0;
	int64_t any = 0;
	struct error *err;

	if (cursor->space_id)
		err = store_gaps_between(reader, cursor->space_id, 0, INT64_MAX, &gaps, &count);
	else
		err = store_connection_get(&reader->connection, "SELECT EXISTS (SELECT 1 FROM main.gap)", &any);
	cursor->mappings.replay.is_lossy = count || any;
	return err;
}

static int begin_reading(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int count, sqlite3_value **values)
{
	struct replay_cursor *cursor = (struct replay_cursor *)base;
	const struct replay_module *module = cursor->module;
	struct error *err = NULL;
	bool is_cut;

	(void)plan_text;
	reset_cursor(cursor);
	cursor->space_id = plan == 1 && count == 1 ? sqlite3_value_int64(values[0]) : 0;
	mapping_replay_init(&cursor->mappings, module->kind->want, cursor->space_id);
	block_replay_init(&cursor->heap, module->kind->want);
	if (plan == 1 && cursor->space_id <= 0)
		return SQLITE_OK; /* there is no such space: no row */
	if (cursor->space_id)
		err = store_lineage(module->reader, cursor->space_id, INT64_MAX, &cursor->steps, &cursor->step_count,
				    &is_cut);
	if (!err && !module->kind->of_heap)
		err = find_losses(cursor);
	if (!err)
		err = row_select(&module->reader->connection, module->kind->of_heap ? &row_heap : &row_event,
				 "ORDER BY id", NO_PARAMETERS, &cursor->statement);
	return err ? refuse(cursor, err) : next_row(base);
}

static int is_at_end(sqlite3_vtab_cursor *base)
{
	return !((struct replay_cursor *)base)->row;
}

static int read_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	const struct replay_cursor *cursor = (const struct replay_cursor *)base;
	const struct table_kind *kind = cursor->module->kind;

	if (column == kind->columns)
		sqlite3_result_int64(context, cursor->space_id);
	else if (column < kind->columns && (cursor->row[column] || !(kind->nullable & 1U << column)))
		sqlite3_result_int64(context, cursor->row[column]);
	return SQLITE_OK;
}

static int read_number(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_number)
{
	*ret_number = ((struct replay_cursor *)base)->number;
	return SQLITE_OK;
}

/* Without xCreate the table is there without being made. */
static const sqlite3_module methods = {
	.xConnect = connect_table,
	.xBestIndex = choose_plan,
	.xDisconnect = disconnect_table,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = begin_reading,
	.xNext = next_row,
	.xEof = is_at_end,
	.xColumn = read_column,
	.xRowid = read_number,
};

struct error *store_replay_tables_add(struct store_reader *reader)
{
	for (size_t i = 0; i < array_size(kinds); i++) {
		struct replay_module *module = malloc(sizeof(*module));
		int status;

		if (!module)
			return &error_no_memory;
		*module = (struct replay_module){reader, &kinds[i]};
		status = sqlite3_create_module_v2(reader->connection.db, kinds[i].name, &methods, module, free);
		if (status != SQLITE_OK)
			return store_connection_error(&reader->connection, status, "cannot add a table");
	}
	return NULL;
}
