/* SPDX-License-Identifier: MIT */
/*
 * What was lost of an address space. A fork's history is its ancestors' up to the fork, and so are their losses; of a
 * space that several processes use, each may have lost what concerns it.
 */
#include "schema/store.h"
#include "schema/store_internal.h"

/* ?1 space, ?2 until, ?3 from. A parent was stored before its child; anything else is no truth, and could be a circle.
 */
#define GAPS_OF_SPACE                                                                                                  \
	"WITH RECURSIVE line (space_id, until_ns, depth) AS ("                                                         \
	"SELECT ?1, ?2, 0 UNION ALL "                                                                                  \
	"SELECT space.parent_space_id, min(space.from_ns, line.until_ns), line.depth + 1 "                             \
	"FROM line JOIN main.space ON space.id = line.space_id "                                                       \
	"WHERE space.origin = 2 AND space.parent_space_id > 0 AND space.parent_space_id < space.id "                   \
	"AND line.depth < 1024), "                                                                                     \
	"user (recording_id, pid, from_ns, until_ns) AS ("                                                             \
	"SELECT process.recording_id, process.pid, 0, line.until_ns FROM line "                                        \
	"JOIN main.space ON space.id = line.space_id JOIN main.process ON process.id = space.process_id UNION ALL "    \
	"SELECT process.recording_id, process.pid, space_sharer.from_ns, line.until_ns FROM line "                     \
	"JOIN main.space_sharer ON space_sharer.space_id = line.space_id "                                             \
	"JOIN main.process ON process.id = space_sharer.process_id), "                                                 \
	"lost AS (SELECT * FROM main.gap WHERE gap.from_ns <= ?2 AND gap.to_ns >= ?3 "                                 \
	"AND gap.recording_id IN (SELECT recording_id FROM user) "                                                     \
	"AND (gap.pid = 0 OR EXISTS (SELECT 1 FROM user WHERE user.recording_id = gap.recording_id "                   \
	"AND user.pid = gap.pid AND gap.from_ns <= user.until_ns AND gap.to_ns >= user.from_ns))) "

struct error *store_reader_space_gaps(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
				      struct gap **ret_gaps, size_t *ret_count)
{
	return store_select_all(reader, &store_gap_type, GAPS_OF_SPACE "SELECT * FROM lost ORDER BY from_ns, id",
				VALUES(space_id, store_time(until_ns), 0), (void **)ret_gaps, ret_count);
}

/* lost_between(space, from, until): how many events; 0 for none, -1 for a number that is not known. */
static void run_lost_between(sqlite3_context *context, int count, sqlite3_value **values)
{
	static const int order[] = {1, 3, 2}; /* which parameter each argument is */
	sqlite3 *db = sqlite3_context_db_handle(context);
	sqlite3_stmt *statement;

	for (int i = 0; i < count; i++)
		if (sqlite3_value_type(values[i]) == SQLITE_NULL)
			return;
	if (sqlite3_prepare_v2(db,
			       GAPS_OF_SPACE "SELECT CASE WHEN min(lost) = 0 THEN -1 ELSE coalesce(sum(lost), 0) END "
					     "FROM lost",
			       -1, &statement, NULL) != SQLITE_OK) {
		sqlite3_result_error(context, sqlite3_errmsg(db), -1);
		return;
	}
	for (int i = 0; i < count; i++)
		sqlite3_bind_int64(statement, order[i], sqlite3_value_int64(values[i]));
	if (sqlite3_step(statement) == SQLITE_ROW)
		sqlite3_result_int64(context, sqlite3_column_int64(statement, 0));
	else
		sqlite3_result_error(context, sqlite3_errmsg(db), -1);
	sqlite3_finalize(statement);
}

struct error *store_gap_functions_add(struct store_reader *reader)
{
	int status = sqlite3_create_function(reader->connection.db, "lost_between", 3, SQLITE_UTF8 | SQLITE_DIRECTONLY,
					     NULL, run_lost_between, NULL, NULL);

	return status == SQLITE_OK ? NULL
				   : store_connection_error(&reader->connection, status, "cannot add a function");
}
