/* SPDX-License-Identifier: MIT */
/*
 * Views that every query of corelate has instead of the database's own of the same name. Those are for any sqlite3,
 * which knows no replay: v_mapping there ends a mapping with the first later call whose arguments and result say that
 * it took some of it away, in the order in which calls returned. Here the replay says which call it was.
 */
#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/sql_functions.h"

/* The columns of main.v_mapping (schema/migrations/006-dictionary.sql), and is_open: 1 when another call may have ended
 * it, or none; so where mremap made or ended it (4) in a space that is followed here without what it inherited, holes
 * and all. Not made of that view: SQLite would look for the end that it tells even where nobody asks, and reads on to
 * the last event for every mapping that has none. */
static const char mapping_view[] =
	"CREATE TEMP VIEW v_mapping AS "
	"SELECT made.id AS event, made.space_id AS space_id, process.pid AS pid, space.comm AS comm, "
	"printf('0x%x', effect.added_start) AS start, printf('0x%x', effect.added_end) AS \"end\", "
	"effect.added_end - effect.added_start AS bytes, "
	"CASE WHEN made.kind IN (1, 2) THEN "
	"CASE WHEN made.a2 & 1 THEN 'r' ELSE '-' END || CASE WHEN made.a2 & 2 THEN 'w' ELSE '-' END "
	"|| CASE WHEN made.a2 & 4 THEN 'x' ELSE '-' END "
	"WHEN made.kind = 8 THEN 'rw-' "
	"WHEN made.kind = 9 THEN 'r' || CASE WHEN made.a2 & 0x1000 THEN '-' ELSE 'w' END "
	"|| CASE WHEN made.a2 & 0x8000 THEN 'x' ELSE '-' END "
	"END AS protection, "
	"file.path AS path, coalesce(made_kind.name, 'unknown') AS made_by, made.tid AS made_tid, "
	"date_of(made.enter_ns, process.recording_id) AS made_date, made.enter_ns / 1e9 AS made_seconds, "
	"gone.id AS gone_event, "
	"CASE WHEN gone.id IS NOT NULL THEN coalesce(gone_kind.name, 'unknown') "
	"WHEN space.to_ns > 0 THEN 'end of space' END AS gone_by, "
	"gone.tid AS gone_tid, "
	"CASE WHEN gone.id IS NOT NULL OR space.to_ns > 0 "
	"THEN date_of(coalesce(gone.enter_ns, space.to_ns), process.recording_id) END AS gone_date, "
	"CASE WHEN gone.id IS NOT NULL OR space.to_ns > 0 "
	"THEN coalesce(gone.enter_ns, space.to_ns) / 1e9 END AS gone_seconds, "
	"CASE WHEN 4 IN (made.kind, gone.kind) AND space.origin <> 1 THEN 1 ELSE life.is_open END AS is_open "
	"FROM main.v_effect AS effect "
	"JOIN main.event AS made ON made.id = effect.id "
	"LEFT JOIN (SELECT made_event, min(gone_event) AS gone_event, max(is_open) AS is_open FROM mapping_life "
	"GROUP BY made_event) AS life ON life.made_event = made.id "
	"LEFT JOIN main.event AS gone ON gone.id = life.gone_event "
	"LEFT JOIN main.memory_kind AS made_kind ON made_kind.kind = made.kind "
	"LEFT JOIN main.memory_kind AS gone_kind ON gone_kind.kind = gone.kind "
	"LEFT JOIN main.space ON space.id = made.space_id "
	"LEFT JOIN main.process ON process.id = space.process_id "
	"LEFT JOIN main.file ON file.id = made.file_id "
	"WHERE effect.added_start IS NOT NULL "
	"ORDER BY made.id";

struct error *store_views_add(struct store_reader *reader)
{
	sqlite3 *db = reader->connection.db;
	struct error *err = NULL;
	int status;

	/* A view of the connection's own is a change, too. */
	sqlite3_exec(db, "PRAGMA query_only = 0", NULL, NULL, NULL);
	status = sqlite3_exec(db, mapping_view, NULL, NULL, NULL);
	if (status != SQLITE_OK)
		err = store_connection_error(&reader->connection, status, "cannot add a view");
	status = sqlite3_exec(db, "PRAGMA query_only = 1", NULL, NULL, NULL);
	if (status != SQLITE_OK && !err)
		err = store_connection_error(&reader->connection, status, "cannot set up a connection");
	return err;
}
