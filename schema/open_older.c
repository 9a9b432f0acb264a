/* SPDX-License-Identifier: MIT */
/*
 * Reading a database of an older version, which stays as it is: the migrations run on a copy. The copy is SQLite's
 * private temporary database, which has no name, lives in memory as far as that is cheap and in $SQLITE_TMPDIR,
 * $TMPDIR or /var/tmp beyond, and goes with its connection.
 */
#include "schema/connection.h"
#include "schema/migrate.h"
#include "schema/open.h"

static struct error *copy_error(const struct store_connection *source, sqlite3 *copy, int status)
{
	struct store_connection target = {.db = copy, .path = source->path};

	return store_connection_error(&target, status,
				      "cannot copy it, to read a store of an older version, to a temporary file");
}

/* In one step, so that it is one moment of a database that is being written. */
static struct error *copy_all(const struct store_connection *source, sqlite3 *copy)
{
	sqlite3_backup *backup = sqlite3_backup_init(copy, "main", source->db, "main");
	int status;

	if (!backup)
		return copy_error(source, copy, sqlite3_errcode(copy));
	status = sqlite3_backup_step(backup, -1);
	sqlite3_backup_finish(backup);
	return status == SQLITE_DONE ? NULL : copy_error(source, copy, status);
}

struct error *store_connection_copy_newer(struct store_connection *connection, int64_t version)
{
	struct store_connection copy = {.path = connection->path};
	int status =
		sqlite3_open_v2("", &copy.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	struct error *err = status == SQLITE_OK ? NULL : copy_error(connection, copy.db, status);

	if (!err) {
		store_connection_harden(&copy);
		err = copy_all(connection, copy.db);
	}
	if (!err)
		err = store_connection_migrate(&copy, version, store_newest_version())
			      ?: store_connection_execute(&copy, "PRAGMA query_only = ON; PRAGMA cache_size = -16384");
	if (err) {
		sqlite3_close(copy.db);
		return err;
	}
	sqlite3_close(connection->db);
	connection->db = copy.db;
	return NULL;
}
