/* SPDX-License-Identifier: MIT */
/*
 * Rows of probed functions and their calls, in the order of the columns of migrations/004-calls.sql.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/store.h"
#include "schema/store_internal.h"

/* duration_ns of a call whose return was not seen. */
#define NO_RETURN (-1)

static int64_t duration_of(uint64_t enter_ns, uint64_t exit_ns)
{
	if (!exit_ns)
		return NO_RETURN;
	return exit_ns > enter_ns ? store_time(exit_ns - enter_ns) : 0;
}

static uint64_t exit_of(uint64_t enter_ns, int64_t duration_ns)
{
	return duration_ns < 0 ? 0 : enter_ns + (uint64_t)duration_ns;
}

/* ---- writing ---- */

struct error *store_writer_add_function(struct store_writer *writer, const struct probed_function *function,
					int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_FUNCTION);

	store_put(&row, function->recording_id);
	store_put(&row, function->file_id);
	store_put(&row, (int64_t)function->offset);
	store_put(&row, function->role);
	store_put_text(&row, function->name);
	store_put_text(&row, function->signature);
	store_put_text(&row, function->hole);
	return store_finish_row(writer, ADD_FUNCTION, ret_id);
}

struct error *store_writer_add_probe_coverage(struct store_writer *writer, const struct probe_coverage *coverage,
					      int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_COVERAGE);

	store_put(&row, coverage->recording_id);
	store_put(&row, coverage->process_id);
	store_put_time(&row, coverage->from_ns);
	store_put(&row, coverage->heap);
	return store_finish_row(writer, ADD_COVERAGE, ret_id);
}

struct error *store_writer_add_heap_event(struct store_writer *writer, const struct heap_event *event, int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_HEAP);
	struct heap_event stored = *event;
	struct error *err;

	store_put(&row, event->space_id);
	store_put(&row, event->function_id);
	store_put(&row, event->role);
	store_put(&row, event->tid);
	store_put_time(&row, event->enter_ns);
	store_put(&row, duration_of(event->enter_ns, event->exit_ns));
	store_put(&row, (int64_t)event->ip);
	store_put(&row, (int64_t)event->sp);
	store_put(&row, (int64_t)event->top_word);
	store_put(&row, (int64_t)event->old_block);
	store_put(&row, (int64_t)event->block);
	store_put(&row, (int64_t)event->size);
	store_put(&row, (int64_t)event->alignment);
	store_put(&row, event->stack_id);
	err = store_finish_event_row(writer, ADD_HEAP, ret_id);
	if (err)
		return err;
	/* As for memory events: a summary that could not be written costs time and no truth. */
	stored.id = *ret_id;
	error_destroy(store_writer_add_to_heap_block(writer, &stored));
	return NULL;
}

struct error *store_writer_add_call_event(struct store_writer *writer, const struct call_event *event, int64_t *ret_id)
{
	struct values row = store_start_row(writer, ADD_CALL);

	store_put(&row, event->space_id);
	store_put(&row, event->function_id);
	store_put(&row, event->tid);
	store_put_time(&row, event->enter_ns);
	store_put(&row, duration_of(event->enter_ns, event->exit_ns));
	store_put(&row, (int64_t)event->ip);
	store_put(&row, (int64_t)event->sp);
	store_put(&row, (int64_t)event->top_word);
	for (int i = 0; i < 6; i++)
		store_put(&row, (int64_t)event->args[i]);
	store_put(&row, (int64_t)event->result);
	for (int i = 0; i < 6; i++)
		store_put_blob(&row, event->texts[i], event->text_bytes[i]);
	store_put(&row, event->stack_id);
	return store_finish_event_row(writer, ADD_CALL, ret_id);
}

/* ---- reading ---- */

static int64_t take(struct columns *columns)
{
	return sqlite3_column_int64(columns->statement, columns->next++);
}

static char *take_string(struct columns *columns)
{
	const char *text = (const char *)sqlite3_column_text(columns->statement, columns->next++);
	char *copy = strdup(text ? text : "");

	columns->no_memory |= !copy;
	return copy;
}

static char *take_bytes(struct columns *columns, uint32_t *ret_size)
{
	int column = columns->next++;
	const void *data;
	char *copy;

	if (sqlite3_column_type(columns->statement, column) == SQLITE_NULL)
		return NULL;
	data = sqlite3_column_blob(columns->statement, column);
	*ret_size = (uint32_t)sqlite3_column_bytes(columns->statement, column);
	copy = malloc((size_t)*ret_size + 1);
	if (!copy) {
		columns->no_memory = true;
		return NULL;
	}
	if (*ret_size)
		memcpy(copy, data, *ret_size);
	copy[*ret_size] = 0;
	return copy;
}

static void read_function(struct columns *row, void *ret)
{
	struct probed_function *function = ret;

	function->id = take(row);
	function->recording_id = take(row);
	function->file_id = take(row);
	function->offset = (uint64_t)take(row);
	function->role = (enum function_role)take(row);
	function->name = take_string(row);
	function->signature = take_string(row);
	function->hole = take_string(row);
}

static void read_coverage(struct columns *row, void *ret)
{
	struct probe_coverage *coverage = ret;

	coverage->id = take(row);
	coverage->recording_id = take(row);
	coverage->process_id = take(row);
	coverage->from_ns = (uint64_t)take(row);
	coverage->heap = take(row) != 0;
}

static void read_call(struct columns *row, void *ret)
{
	struct call_event *event = ret;

	event->id = take(row);
	event->space_id = take(row);
	event->function_id = take(row);
	event->tid = (uint32_t)take(row);
	event->enter_ns = (uint64_t)take(row);
	event->exit_ns = exit_of(event->enter_ns, take(row));
	event->ip = (uint64_t)take(row);
	event->sp = (uint64_t)take(row);
	event->top_word = (uint64_t)take(row);
	for (int i = 0; i < 6; i++)
		event->args[i] = (uint64_t)take(row);
	event->result = (uint64_t)take(row);
	for (int i = 0; i < 6; i++)
		event->texts[i] = take_bytes(row, &event->text_bytes[i]);
	event->stack_id = take(row);
}

void read_heap_event(sqlite3_stmt *statement, struct heap_event *ret_event)
{
	struct columns row = {.statement = statement};

	ret_event->id = take(&row);
	ret_event->space_id = take(&row);
	ret_event->function_id = take(&row);
	ret_event->role = (enum function_role)take(&row);
	ret_event->tid = (uint32_t)take(&row);
	ret_event->enter_ns = (uint64_t)take(&row);
	ret_event->exit_ns = exit_of(ret_event->enter_ns, take(&row));
	ret_event->ip = (uint64_t)take(&row);
	ret_event->sp = (uint64_t)take(&row);
	ret_event->top_word = (uint64_t)take(&row);
	ret_event->old_block = (uint64_t)take(&row);
	ret_event->block = (uint64_t)take(&row);
	ret_event->size = (uint64_t)take(&row);
	ret_event->alignment = (uint64_t)take(&row);
	ret_event->stack_id = take(&row);
}

void call_event_deinit(struct call_event *event)
{
	for (int i = 0; i < 6; i++) {
		free(event->texts[i]);
		event->texts[i] = NULL;
	}
}

void probed_function_deinit(struct probed_function *function)
{
	free(function->name);
	free(function->signature);
	free(function->hole);
	function->name = function->signature = function->hole = NULL;
}

static void deinit_call(void *row)
{
	call_event_deinit(row);
}

static void deinit_function(void *row)
{
	probed_function_deinit(row);
}

const struct row_type store_function_type = {sizeof(struct probed_function), read_function, deinit_function};
const struct row_type store_coverage_type = {sizeof(struct probe_coverage), read_coverage, NULL};
const struct row_type store_call_type = {sizeof(struct call_event), read_call, deinit_call};
