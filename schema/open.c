/* SPDX-License-Identifier: MIT */
/*
 * Opening: is the file there, is it ours, is it new enough, and is its schema what that version makes it?
 */
#include "schema/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/migrate.h"
#include "schema/open_owner.h"

#define BUSY_TIMEOUT_MS 5000

/* A path as SQLite's URI: the only form in which no path has another meaning (":memory:", "", "x?mode=memory"). */
static char *make_uri(const char *path, const char *parameters)
{
	static const char hex[] = "0123456789abcdef";
	size_t length = strlen(path);
	char *uri = malloc(3 * length + strlen(parameters) + sizeof("file:./"));
	char *end = uri;

	if (!uri)
		return NULL;
	end = stpcpy(end, path[0] == '/' ? "file://" : "file:./");
	for (const char *c = path; *c; c++) {
		if (*c == '%' || *c == '?' || *c == '#') {
			*end++ = '%';
			*end++ = hex[(unsigned char)*c >> 4];
			*end++ = hex[(unsigned char)*c & 15];
		} else {
			*end++ = *c;
		}
	}
	strcpy(end, parameters);
	return uri;
}

void store_connection_harden(const struct store_connection *connection)
{
	sqlite3_extended_result_codes(connection->db, 0);
	sqlite3_busy_timeout(connection->db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(connection->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(connection->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
}

/* Opens without reading anything. */
static struct error *open_uri(struct store_connection *connection, const char *path, const char *parameters, int flags)
{
	cleanup_free char *uri = make_uri(path, parameters);
	int status;

	connection->path = strdup(path);
	if (!uri || !connection->path)
		return &error_no_memory;
	status = sqlite3_open_v2(uri, &connection->db,
				 flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
	if (status != SQLITE_OK)
		return store_connection_error(connection, status, "cannot open");
	store_connection_harden(connection);
	return store_connection_execute(connection, "PRAGMA cell_size_check = ON");
}

static struct error *check_identity(const struct store_connection *connection, int64_t *ret_version)
{
	int64_t application_id;
	struct error *err = store_connection_get(connection, "PRAGMA application_id", &application_id);

	if (err)
		return err;
	if (application_id != STORE_APPLICATION_ID)
		return error_format(ERROR_INVALID, "%s: an SQLite database, but not one of corelate", connection->path);
	err = store_connection_get(connection, "PRAGMA user_version", ret_version);
	if (err)
		return err;
	if (*ret_version > store_newest_version())
		return error_format(ERROR_UNSUPPORTED,
				    "%s: written by a newer corelate (version %lld of the store, this build knows %d)",
				    connection->path, (long long)*ret_version, store_newest_version());
	if (*ret_version < 1)
		return error_format(ERROR_INVALID, "%s: impossible version %lld of the store", connection->path,
				    (long long)*ret_version);
	return NULL;
}

/* The header of the main file, through SQLite's own handle: opening the file without SQLite would do harm, because
 * closing it drops the locks of every other connection in this process; and asking by SQL would let the pager judge a
 * file that is in the middle of a checkpoint. Offsets: "Database File Format", the database header. */
static struct error *check_header(const struct store_connection *connection)
{
	static const char magic[16] = "SQLite format 3";
	sqlite3_file *file = NULL;
	uint8_t header[100];
	uint32_t application_id, version;

	if (sqlite3_file_control(connection->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file ||
	    !file->pMethods || file->pMethods->xRead(file, header, sizeof(header), 0) != SQLITE_OK ||
	    memcmp(header, magic, sizeof(magic)) != 0)
		return error_format(ERROR_INVALID, "%s: file is not a database", connection->path);
	application_id =
		(uint32_t)header[68] << 24 | (uint32_t)header[69] << 16 | (uint32_t)header[70] << 8 | header[71];
	version = (uint32_t)header[60] << 24 | (uint32_t)header[61] << 16 | (uint32_t)header[62] << 8 | header[63];
	if (application_id != STORE_APPLICATION_ID)
		return error_format(ERROR_INVALID, "%s: an SQLite database, but not one of corelate", connection->path);
	/* PRAGMA user_version is signed. */
	if ((int32_t)version < 1)
		return error_format(ERROR_INVALID, "%s: impossible version %d of the store", connection->path,
				    (int32_t)version);
	if ((int32_t)version > store_newest_version())
		return error_format(ERROR_UNSUPPORTED,
				    "%s: written by a newer corelate (version %u of the store, this build knows %d)",
				    connection->path, version, store_newest_version());
	return NULL;
}

struct error *store_file_check(const char *path, bool *ret_empty)
{
	struct store_connection connection = {0};
	struct error *err;
	struct stat status;

	if (stat(path, &status) < 0)
		return error_errno(errno, "%s", path);
	if (!S_ISREG(status.st_mode))
		return error_format(ERROR_INVALID, "%s: not a regular file", path);
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0)
		return error_errno(errno, "%s", path);
	*ret_empty = status.st_size == 0;
	if (*ret_empty)
		return NULL;
	/* "immutable" makes SQLite open the main file as it stands: no lock, no log, no recovery. Our files carry their
	 * identity there from their first transaction on, because they are migrated before they get a log. */
	err = open_uri(&connection, path, "?immutable=1", SQLITE_OPEN_READONLY) ?: check_header(&connection);
	store_connection_close(&connection);
	return err;
}

struct error *store_connection_open_write(struct store_connection *connection, const char *path)
{
	int64_t version = 0;
	struct error *err;
	bool is_empty;

	err = store_owner_check(path)
		?: store_file_check(path, &is_empty)
		?: open_uri(connection, path, "", SQLITE_OPEN_READWRITE);
	/* SQLite falls back to reading when it may not write. */
	if (!err && sqlite3_db_readonly(connection->db, "main"))
		err = error_format(ERROR_PERMISSION, "%s: not writable", path);
	if (!err && !is_empty)
		err = check_identity(connection, &version);
	if (!err)
		err = store_connection_check_schema(connection, version);
	/* Still with a rollback journal when the file is new; see store_file_check(). */
	if (!err)
		err = store_connection_migrate(connection, version, store_newest_version());
	/* The log is copied back every 4000 pages (16 MiB), so that this falls on few commits, and cut to 64 MiB after
	 * a reader had held it up. NORMAL may lose the last commits when the machine stops, but never tears the file.
	 */
	if (!err)
		err = store_connection_execute(connection, "PRAGMA journal_mode = WAL;"
							   "PRAGMA synchronous = NORMAL;"
							   "PRAGMA wal_autocheckpoint = 4000;"
							   "PRAGMA journal_size_limit = 67108864;"
							   "PRAGMA cache_size = -2048");
	/* Now the log and the shared index are there and open. */
	if (!err)
		err = store_owner_check(path);
	if (err)
		store_connection_close(connection);
	return err;
}

/* True when the file beside the database holds something that a reader must not ignore. */
static bool has_content_beside(const char *path, const char *suffix)
{
	cleanup_free char *real = realpath(path, NULL), *beside = NULL;
	struct stat status;

	/* SQLite puts them beside what a link leads to. */
	if (asprintf(&beside, "%s%s", real ? real : path, suffix) < 0) {
		beside = NULL;
		return true;
	}
	return stat(beside, &status) < 0 ? errno != ENOENT : status.st_size > 0;
}

static struct error *open_read(struct store_connection *connection, const char *path, const char *parameters)
{
	int64_t version;
	struct error *err = open_uri(connection, path, parameters, SQLITE_OPEN_READONLY)
		?: store_connection_execute(connection, "PRAGMA query_only = ON; PRAGMA cache_size = -16384")
		?: check_identity(connection, &version)
		?: store_connection_check_schema(connection, version);

	if (!err && version < store_newest_version())
		err = store_connection_copy_newer(connection, version);
	return err;
}

/* Without a log the main file is complete and nobody is writing it. */
static struct error *open_still(struct store_connection *connection, const char *path)
{
	struct error *err = open_read(connection, path, "?immutable=1");

	if (err)
		store_connection_close(connection);
	return err;
}

/* For root, of another user's: nothing is written, neither in the shared index nor an empty log. */
static struct error *open_foreign(struct store_connection *connection, const char *path)
{
	struct error *err;

	if (!has_content_beside(path, "-wal") && !has_content_beside(path, "-journal"))
		return open_still(connection, path);
	err = open_read(connection, path, "?readonly_shm=1");
	if (!err)
		return NULL;
	store_connection_close(connection);
	return error_prefix(err, "its log cannot be used without writing beside it, which root does not do in another "
				 "user's database (a copy can be read)");
}

struct error *store_connection_open_read(struct store_connection *connection, const char *path)
{
	struct error *err;
	bool is_empty;
	int status;

	err = store_file_check(path, &is_empty);
	if (err)
		return err;
	if (is_empty)
		return error_format(ERROR_INVALID, "%s: empty file, nothing was recorded in it", path);
	if (store_owner_is_foreign(path))
		return open_foreign(connection, path);
	err = open_read(connection, path, "");
	if (!err)
		return NULL;
	status = connection->db ? sqlite3_errcode(connection->db) : SQLITE_OK;
	store_connection_close(connection);
	/* A log needs a shared index beside it, which cannot be made in a directory that is read-only for us. */
	if (status != SQLITE_CANTOPEN && status != SQLITE_READONLY)
		return err;
	if (has_content_beside(path, "-wal") || has_content_beside(path, "-journal"))
		return error_prefix(err, "the log beside the file cannot be used without write permission there");
	error_destroy(err);
	return open_still(connection, path);
}
