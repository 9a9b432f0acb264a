/* SPDX-License-Identifier: MIT */
/*
 * Sweeping: rows that name what is in prune_rest, and rows that no row names any more. Tables are passed over by rising
 * id, a piece in a transaction; a piece in which there is nothing to remove needs none. The newest row of a table
 * always stays, because SQLite gives a new row the id after it; so does then what prune_rest has of it.
 */
#include <stdio.h>
#include <sys/statvfs.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/open_lock.h"
#include "schema/prune_internal.h"
#include "schema/slice.h"

/* Rows that are looked at for one transaction. */
#define PIECE 2000
/* A file with less free than this is left as it is. */
#define COMPACT_BYTES (8 << 20)

/* The last id of the next piece after `after`; 0 for none. Ids need not be dense. */
static struct error *end_of_piece(struct pruning *pruning, const char *sql, int64_t after, int64_t *ret_last)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_prepare_bound(&pruning->connection, sql, PARAMETERS({":after", after}), &statement);
	int status;

	if (err)
		return err;
	status = sqlite3_step(statement);
	if (status != SQLITE_ROW)
		return store_connection_error(&pruning->connection, status, "cannot read");
	*ret_last = sqlite3_column_int64(statement, 0);
	return NULL;
}

/* True when a row of the piece meets the condition. */
static struct error *is_wanted(struct pruning *pruning, const char *sql, int64_t after, int64_t last, bool *ret)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_prepare_bound(&pruning->connection, sql,
						PARAMETERS({":after", after}, {":last", last}), &statement);
	int status;

	if (err)
		return err;
	status = sqlite3_step(statement);
	if (status != SQLITE_ROW && status != SQLITE_DONE)
		return store_connection_error(&pruning->connection, status, "cannot read");
	*ret = status == SQLITE_ROW;
	return NULL;
}

static struct error *remove_piece(struct pruning *pruning, const char *sql, int64_t after, int64_t last)
{
	uint64_t rows = 0;
	struct error *err = store_prune_begin(pruning);

	if (err)
		return err;
	err = store_prune_commit(pruning,
				 store_prune_run(pruning, sql, PARAMETERS({":after", after}, {":last", last}), &rows));
	if (!err)
		pruning->result->rows += rows;
	return err;
}

/* Removes the rows of a table that meet the condition, but for the newest. */
static struct error *sweep(struct pruning *pruning, const char *table, const char *key, const char *condition)
{
	char next[256], look[512], removal[512];
	int64_t after = 0, last;

	snprintf(next, sizeof(next),
		 "SELECT max(k) FROM (SELECT %s AS k FROM %s WHERE %s > :after ORDER BY %s LIMIT %d)", key, table, key,
		 key, PIECE);
	snprintf(look, sizeof(look), "SELECT 1 FROM %s WHERE %s > :after AND %s <= :last AND %s LIMIT 1", table, key,
		 key, condition);
	snprintf(removal, sizeof(removal),
		 "DELETE FROM %s WHERE %s > :after AND %s <= :last AND %s < (SELECT max(%s) FROM %s) AND %s", table,
		 key, key, key, key, table, condition);
	for (;; after = last) {
		bool wanted = false;
		struct error *err = end_of_piece(pruning, next, after, &last);

		if (err || last <= after)
			return err;
		err = is_wanted(pruning, look, after, last, &wanted);
		if (!err && wanted)
			err = remove_piece(pruning, removal, after, last);
		if (err)
			return err;
	}
}

/* ---- what names a process or a space ---- */

#define OF_SPACES "EXISTS (SELECT 1 FROM prune_rest WHERE what = 2 AND prune_rest.id = space_id)"
#define OF_PROCESSES "EXISTS (SELECT 1 FROM prune_rest WHERE what = 1 AND prune_rest.id = process_id)"

/* A summary goes when no event of its is left; one that has lost some says "perhaps" where it could say no. Who has how
 * many events in it is told by space, a hundred of which go in a transaction. */
static struct error *sweep_block_spaces(struct pruning *pruning)
{
	int64_t after = 0, last;

	for (;; after = last) {
		bool wanted = false;
		struct error *err = end_of_piece(
			pruning,
			"SELECT max(id) FROM (SELECT id FROM prune_rest WHERE what = 2 AND id > :after LIMIT 100)",
			after, &last);

		if (err || last <= after)
			return err;
		err = is_wanted(pruning,
				"SELECT 1 FROM prune_rest JOIN event_block_space ON space_id = id "
				"WHERE what = 2 AND id > :after AND id <= :last LIMIT 1",
				after, last, &wanted);
		if (!err && wanted)
			err = remove_piece(pruning,
					   "DELETE FROM event_block_space WHERE space_id IN "
					   "(SELECT id FROM prune_rest WHERE what = 2 AND id > :after AND id <= :last)",
					   after, last);
		if (err)
			return err;
	}
}

static struct error *sweep_rows(struct pruning *pruning)
{
	static const struct {
		const char *table, *key, *condition;
	} passes[] = {
		{"event", "id", OF_SPACES},
		{"event_block", "last_event_id",
		 "NOT EXISTS (SELECT 1 FROM event WHERE event.id BETWEEN first_event_id AND last_event_id)"},
		{"heap", "id", OF_SPACES},
		{"heap_block", "last_event_id",
		 "NOT EXISTS (SELECT 1 FROM heap WHERE heap.id BETWEEN first_event_id AND last_event_id)"},
		{"call", "id", OF_SPACES},
		{"marker", "id", OF_SPACES},
		{"syscall", "id", OF_SPACES},
		{"signal", "id", OF_SPACES},
		{"signal", "id", OF_PROCESSES},
		{"thread_start", "id", OF_PROCESSES},
		{"space_sharer", "id", OF_SPACES},
		{"space_sharer", "id", OF_PROCESSES},
	};
	struct error *err = NULL;

	for (size_t i = 0; !err && i < array_size(passes); i++)
		err = sweep(pruning, passes[i].table, passes[i].key, passes[i].condition);
	return err ?: sweep_block_spaces(pruning);
}

/* ---- what no row names any more ---- */

/* Puts the ids of the pieces of all slices into temp.used. */
static struct error *use_pieces(struct pruning *pruning)
{
	cleanup_statement sqlite3_stmt *slices = NULL, *insert = NULL;
	const struct store_connection *connection = &pruning->connection;
	struct error *err = store_connection_prepare(connection, "SELECT blocks FROM stack_slice", 0, &slices);
	int status = SQLITE_DONE;

	if (!err)
		err = store_connection_prepare(connection, "INSERT OR IGNORE INTO temp.used (id) VALUES (:id)", 0,
					       &insert);
	while (!err && (status = sqlite3_step(slices)) == SQLITE_ROW) {
		const uint8_t *ids = sqlite3_column_blob(slices, 0);
		size_t size = (size_t)sqlite3_column_bytes(slices, 0), at = 0;

		/* A slice with more is none that a reader takes. */
		while (!err && size <= SLICE_IDS_BYTES_MAX && at < size) {
			err = store_bind(connection, insert,
					 PARAMETERS({":id", (int64_t)slice_take_id(ids, size, &at)}));
			if (err)
				break;
			sqlite3_step(insert);
			status = sqlite3_reset(insert);
			if (status != SQLITE_OK)
				err = store_connection_error(connection, status, "cannot note stacks");
		}
	}
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(connection, status, "cannot read stacks");
	return err;
}

static struct error *use_ids(struct pruning *pruning, const char *sql)
{
	return sql ? store_prune_run(pruning, sql, NO_PARAMETERS, NULL) : use_pieces(pruning);
}

/* From the events downwards. A recorder remembers rows of these tables: the caller holds its lock. */
static struct error *sweep_stacks(struct pruning *pruning)
{
	static const struct {
		const char *table, *uses; /* NULL: use_pieces() */
	} layers[] = {
		{"stack", "INSERT OR IGNORE INTO temp.used SELECT stack_id FROM event WHERE stack_id > 0 "
			  "UNION SELECT stack_id FROM heap WHERE stack_id > 0 "
			  "UNION SELECT stack_id FROM call WHERE stack_id > 0"},
		{"stack_slice", "INSERT OR IGNORE INTO temp.used SELECT slice_id FROM stack WHERE slice_id > 0"},
		{"stack_block", NULL},
	};
	struct error *err = NULL;

	for (size_t i = 0; !err && i < array_size(layers); i++) {
		err = store_connection_execute(&pruning->connection,
					       "DROP TABLE IF EXISTS temp.used;"
					       "CREATE TEMP TABLE used (id INTEGER PRIMARY KEY); SAVEPOINT note");
		if (err)
			return err;
		err = use_ids(pruning, layers[i].uses)
			      ?: store_connection_execute(&pruning->connection, "RELEASE note");
		if (err)
			sqlite3_exec(pruning->connection.db, "ROLLBACK", NULL, NULL, NULL);
		else
			err = sweep(pruning, layers[i].table, "id", "id NOT IN temp.used");
	}
	return err ?: store_prune_run(pruning, "DELETE FROM prune_rest WHERE what = 3", NO_PARAMETERS, NULL);
}

/* ---- all of it ---- */

static struct error *count_rest(struct pruning *pruning, const char *condition, int64_t *ret)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM prune_rest WHERE %s", condition);
	return store_connection_get(&pruning->connection, sql, ret);
}

/* What the newest rows still name stays for the next run. */
static struct error *forget_rest(struct pruning *pruning)
{
	struct error *err = store_prune_begin(pruning);

	if (err)
		return err;
	err = store_prune_run(pruning,
			      "DELETE FROM prune_rest WHERE (what = 2 AND id NOT IN ("
			      "SELECT space_id FROM event WHERE id = (SELECT max(id) FROM event) "
			      "UNION ALL SELECT space_id FROM heap WHERE id = (SELECT max(id) FROM heap) "
			      "UNION ALL SELECT space_id FROM call WHERE id = (SELECT max(id) FROM call) "
			      "UNION ALL SELECT space_id FROM marker WHERE id = (SELECT max(id) FROM marker) "
			      "UNION ALL SELECT space_id FROM syscall WHERE id = (SELECT max(id) FROM syscall) "
			      "UNION ALL SELECT space_id FROM space_sharer "
			      "WHERE id = (SELECT max(id) FROM space_sharer) "
			      "UNION ALL SELECT space_id FROM signal WHERE id = (SELECT max(id) FROM signal))) "
			      "OR (what = 1 AND id NOT IN ("
			      "SELECT process_id FROM thread_start WHERE id = (SELECT max(id) FROM thread_start) "
			      "UNION ALL SELECT process_id FROM space_sharer "
			      "WHERE id = (SELECT max(id) FROM space_sharer) "
			      "UNION ALL SELECT process_id FROM signal WHERE id = (SELECT max(id) FROM signal)))",
			      NO_PARAMETERS, NULL);
	return store_prune_commit(pruning, err);
}

struct error *store_prune_sweep(struct pruning *pruning)
{
	cleanup_fd int lock_fd = -1;
	int64_t rows, stacks = 0;
	struct error *err = count_rest(pruning, "what < 3", &rows);

	if (!err && rows)
		err = sweep_rows(pruning);
	if (!err && rows)
		err = forget_rest(pruning);
	if (!err)
		err = count_rest(pruning, "what = 3", &stacks);
	if (err || !stacks || pruning->recorder_runs)
		return err;
	err = store_lock_take(pruning->connection.path, &lock_fd);
	if (!err)
		return sweep_stacks(pruning);
	/* A recorder has been started meanwhile. */
	error_destroy(err);
	pruning->recorder_runs = true;
	return NULL;
}

/* VACUUM writes the whole to a temporary file and then to the log. */
static bool has_room(const struct pruning *pruning, uint64_t bytes)
{
	struct statvfs status;

	return statvfs(pruning->connection.path, &status) == 0 &&
	       (uint64_t)status.f_bavail * status.f_frsize > 3 * bytes;
}

struct error *store_prune_compact(struct pruning *pruning)
{
	cleanup_fd int lock_fd = -1;
	int64_t free_bytes = 0;
	struct error *err;

	if (pruning->recorder_runs)
		return NULL;
	err = store_connection_get(&pruning->connection,
				   "SELECT (SELECT * FROM pragma_freelist_count) * (SELECT * FROM pragma_page_size)",
				   &free_bytes);
	if (err || free_bytes < COMPACT_BYTES || (uint64_t)free_bytes < pruning->result->used ||
	    !has_room(pruning, pruning->result->used))
		return err;
	err = store_lock_take(pruning->connection.path, &lock_fd)
		      ?: store_connection_execute(&pruning->connection, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
	/* The limits are kept all the same. */
	pruning->result->compacted = !err;
	error_destroy(err);
	return NULL;
}
