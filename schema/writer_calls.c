/* SPDX-License-Identifier: MIT */
/*
 * Rows of probed functions and their calls, in the order of the columns of migrations/004-calls.sql.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/connection.h"
#include "schema/record_call.h"
#include "schema/writer.h"
#include "schema/writer_internal.h"

/* duration_ns of a call whose return was not seen. */
#define NO_RETURN (-1)

static int64_t duration_of(uint64_t enter_ns, uint64_t exit_ns)
{
	if (!exit_ns)
		return NO_RETURN;
	return exit_ns > enter_ns ? store_time(exit_ns - enter_ns) : 0;
}

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
