/* SPDX-License-Identifier: MIT */
/*
 * Views that every query of corelate has instead of the database's own of the same name. Those are for any sqlite3,
 * which knows no replay: v_mapping there ends a mapping with the first later call whose arguments and result say that
 * it took some of it away, in the order in which calls returned. Here the replay says which call it was.
 */
#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/sql_functions.h"

/* The columns of main.v_mapping, and is_open: 1 when another call may have ended it, or none; so where mremap did (4) in
 * a space that is followed here without what it inherited, holes and all. */
static const char mapping_view[] =
	"CREATE TEMP VIEW v_mapping AS "
	"SELECT base.event, base.space_id, base.pid, base.comm, base.start, base.\"end\", base.bytes, base.protection, "
	"base.path, base.made_by, base.made_tid, base.made_date, base.made_seconds, gone.id AS gone_event, "
	"CASE WHEN gone.id IS NOT NULL THEN coalesce(memory_kind.name, 'unknown') "
	"WHEN space.to_ns > 0 THEN 'end of space' END AS gone_by, "
	"gone.tid AS gone_tid, "
	"CASE WHEN gone.id IS NOT NULL OR space.to_ns > 0 "
	"THEN date_of(coalesce(gone.enter_ns, space.to_ns), process.recording_id) END AS gone_date, "
	"CASE WHEN gone.id IS NOT NULL OR space.to_ns > 0 "
	"THEN coalesce(gone.enter_ns, space.to_ns) / 1e9 END AS gone_seconds, "
	"CASE WHEN gone.kind = 4 AND space.origin <> 1 THEN 1 ELSE life.is_open END AS is_open "
	"FROM main.v_mapping AS base "
	"LEFT JOIN (SELECT made_event, min(gone_event) AS gone_event, max(is_open) AS is_open FROM mapping_life "
	"GROUP BY made_event) AS life ON life.made_event = base.event "
	"LEFT JOIN main.event AS gone ON gone.id = life.gone_event "
	"LEFT JOIN main.memory_kind ON memory_kind.kind = gone.kind "
	"LEFT JOIN main.space ON space.id = base.space_id "
	"LEFT JOIN main.process ON process.id = space.process_id "
	"ORDER BY base.event";

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
