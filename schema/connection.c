/* SPDX-License-Identifier: MIT */
#include "schema/connection.h"

#include <stdlib.h>

static enum error_code code_of_status(int status)
{
	switch (status & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return ERROR_INVALID;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return ERROR_PERMISSION;
	default:
		return ERROR_SYSTEM;
	}
}

struct error *store_connection_error(const struct store_connection *connection, int status, const char *what)
{
	/* The connection's text belongs to its last failure, which a rollback may have replaced. */
	const char *text = sqlite3_errcode(connection->db) == (status & 0xff) ? sqlite3_errmsg(connection->db)
									      : sqlite3_errstr(status);

	if ((status & 0xff) == SQLITE_NOMEM)
		return &error_no_memory;
	return error_format(code_of_status(status), "%s: %s: %s", connection->path, what, text);
}

struct error *store_connection_execute(const struct store_connection *connection, const char *sql)
{
	int status = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);

	return status == SQLITE_OK ? NULL : store_connection_error(connection, status, "cannot use the database");
}

struct error *store_connection_prepare(const struct store_connection *connection, const char *sql, unsigned int flags,
				       sqlite3_stmt **ret_statement)
{
	int status = sqlite3_prepare_v3(connection->db, sql, -1, flags, ret_statement, NULL);

	return status == SQLITE_OK ? NULL : store_connection_error(connection, status, "cannot prepare a statement");
}

struct error *store_parameter_find(const struct store_connection *connection, sqlite3_stmt *statement, const char *name,
				   int *ret_number)
{
	*ret_number = sqlite3_bind_parameter_index(statement, name);
	if (*ret_number)
		return NULL;
	return error_format(ERROR_INVALID, "%s: no parameter %s in: %s", connection->path, name,
			    sqlite3_sql(statement));
}

struct error *store_bind(const struct store_connection *connection, sqlite3_stmt *statement,
			 const struct store_parameter *parameters, int count)
{
	int wanted = sqlite3_bind_parameter_count(statement);

	if (wanted != count)
		return error_format(ERROR_INVALID, "%s: %d values for the %d parameters of: %s", connection->path,
				    count, wanted, sqlite3_sql(statement));
	for (int i = 0; i < count; i++) {
		int number;
		struct error *err = store_parameter_find(connection, statement, parameters[i].name, &number);

		if (err)
			return err;
		sqlite3_bind_int64(statement, number, parameters[i].value);
	}
	return NULL;
}

struct error *store_prepare_bound(const struct store_connection *connection, const char *sql,
				  const struct store_parameter *parameters, int count, sqlite3_stmt **ret_statement)
{
	struct error *err = store_connection_prepare(connection, sql, 0, ret_statement);

	return err ? err : store_bind(connection, *ret_statement, parameters, count);
}

struct error *store_connection_get(const struct store_connection *connection, const char *sql, int64_t *ret_value)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(connection, sql, 0, &statement);
	int status;

	if (err)
		return err;
	*ret_value = 0;
	status = sqlite3_step(statement);
	if (status == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	else if (status != SQLITE_DONE)
		return store_connection_error(connection, status, "cannot read");
	return NULL;
}

void store_connection_close(struct store_connection *connection)
{
	sqlite3_close(connection->db);
	free(connection->path);
	*connection = (struct store_connection){0};
}
