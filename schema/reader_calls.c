/* SPDX-License-Identifier: MIT */
/*
 * Questions about probed functions and their calls; the heap's history is in reader_history.c.
 */
#include "schema/reader_calls.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/reader_lineage.h"
#include "schema/row.h"

struct calls {
	struct call_event *events; /* newest first */
	size_t count, capacity;
	bool is_full; /* the limit is reached and one more was met */
};

static void calls_deinit(struct calls *calls)
{
	for (size_t i = 0; i < calls->count; i++)
		call_event_deinit(&calls->events[i]);
	free(calls->events);
}

/* An argument that is not there is 0, so that 0 is no number. */
static bool names(const struct call_event *event, uint64_t start, uint64_t end)
{
	bool found = event->exit_ns && event->result && event->result >= start && event->result < end;

	for (int i = 0; i < 6; i++)
		found |= event->args[i] && event->args[i] >= start && event->args[i] < end;
	return found;
}

static struct error *add_call(struct calls *calls, sqlite3_stmt *statement, const struct history_query *query)
{
	struct call_event event;
	struct error *err = row_read(&row_call, statement, &event);

	if (err) {
		call_event_deinit(&event);
		return err;
	}
	if (!names(&event, query->start, query->end)) {
		call_event_deinit(&event);
		return NULL;
	}
	if (calls->count == query->limit) {
		calls->is_full = true;
		call_event_deinit(&event);
		return NULL;
	}
	err = array_reserve(calls->events, calls->capacity, calls->count + 1);
	if (err)
		call_event_deinit(&event);
	else
		calls->events[calls->count++] = event;
	return err;
}

/* The calls of one space of the lineage, newest first; its ancestors' are older. */
static struct error *add_calls(struct calls *calls, struct store_reader *reader, const struct history_query *query,
			       const struct lineage_step *step)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = row_select(
		&reader->connection, &row_call, "WHERE space_id = :space_id AND enter_ns < :until_ns ORDER BY id DESC",
		PARAMETERS({":space_id", step->space_id}, {":until_ns", store_time(step->until_ns)}), &statement);
	int status = SQLITE_DONE;

	while (!err && !calls->is_full && (status = sqlite3_step(statement)) == SQLITE_ROW)
		err = add_call(calls, statement, query);
	if (!err && status != SQLITE_DONE && status != SQLITE_ROW)
		err = store_connection_error(&reader->connection, status, "cannot read calls");
	return err;
}

static int compare_calls(const void *a, const void *b)
{
	const struct call_event *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

struct error *store_reader_calls(struct store_reader *reader, const struct history_query *query,
				 struct call_event **ret_events, size_t *ret_count, bool *ret_truncated)
{
	cleanup_free struct lineage_step *steps = NULL;
	struct calls calls = {0};
	size_t step_count;
	struct error *err;
	bool is_cut;

	err = store_lineage(reader, query->space_id, query->until_ns, &steps, &step_count, &is_cut);
	for (size_t i = 0; !err && i < step_count && !calls.is_full; i++)
		err = add_calls(&calls, reader, query, &steps[i]);
	if (err) {
		calls_deinit(&calls);
		return err;
	}
	if (calls.count)
		qsort(calls.events, calls.count, sizeof(*calls.events), compare_calls);
	*ret_events = calls.events;
	*ret_count = calls.count;
	*ret_truncated = calls.is_full || is_cut;
	return NULL;
}

struct error *store_reader_function(struct store_reader *reader, int64_t id, struct probed_function *ret)
{
	return store_select_one(reader, &row_function, "WHERE id = :id", PARAMETERS({":id", id}), ret);
}

struct error *store_reader_functions(struct store_reader *reader, int64_t recording_id, struct probed_function **ret,
				     size_t *ret_count)
{
	return store_select_all(reader, &row_function, "WHERE recording_id = :recording_id ORDER BY id",
				PARAMETERS({":recording_id", recording_id}), (void **)ret, ret_count);
}

struct error *store_reader_probe_coverage(struct store_reader *reader, int64_t recording_id, int64_t process_id,
					  struct probe_coverage *ret)
{
	return store_select_one(reader, &row_probe_coverage,
				"WHERE recording_id = :recording_id AND process_id IN (0, :process_id) "
				"ORDER BY from_ns, id LIMIT 1",
				PARAMETERS({":recording_id", recording_id}, {":process_id", process_id}), ret);
}

/* vfork's child may do little else than exec, so that one which does is no gap. */
static const char sharers_sql[] =
	"SELECT max(min(coalesce(from_ns, 9223372036854775807), iif(exit_ns > 0, exit_ns, 9223372036854775807))) FROM ("
	"SELECT process.exit_ns AS exit_ns, (SELECT min(from_ns) FROM main.probe_coverage "
	"WHERE probe_coverage.recording_id = process.recording_id AND process_id IN (0, process.id)) AS from_ns "
	"FROM main.space_sharer JOIN main.process ON process.id = space_sharer.process_id "
	"WHERE space_sharer.space_id = :space_id AND space_sharer.from_ns <= :until_ns "
	"AND NOT EXISTS (SELECT 1 FROM main.space WHERE space.process_id = process.id))";

struct error *store_reader_sharers_covered(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
					   uint64_t *ret_from_ns)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_prepare_bound(
		&reader->connection, sharers_sql,
		PARAMETERS({":space_id", space_id}, {":until_ns", store_time(until_ns)}), &statement);
	int status;

	if (err)
		return err;
	status = sqlite3_step(statement);
	if (status != SQLITE_ROW)
		return store_connection_error(&reader->connection, status, "cannot read who shared a space");
	*ret_from_ns = (uint64_t)sqlite3_column_int64(statement, 0);
	return NULL;
}
