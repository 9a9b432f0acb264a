/* SPDX-License-Identifier: MIT */
#include "schema/migrate.h"

#include <string.h>

#include "schema/connection.h"
#include "schema/sql_embedded.h"

int store_newest_version(void)
{
	return store_migrations_count;
}

struct error *store_connection_migrate(const struct store_connection *connection, int64_t version, int64_t target)
{
	for (; version < target; version++) {
		const struct embedded_sql *migration = &store_migrations[version];
		struct error *err = store_connection_execute(connection, "BEGIN IMMEDIATE");
		char identity[128];

		if (err)
			return err;
		snprintf(identity, sizeof(identity), "PRAGMA application_id = %d; PRAGMA user_version = %lld; COMMIT",
			 STORE_APPLICATION_ID, (long long)version + 1);
		err = store_connection_execute(connection, migration->sql)
			      ?: store_connection_execute(connection, identity);
		if (err) {
			sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
			return error_prefix(err, "migration %s.sql", migration->name);
		}
	}
	return NULL;
}

struct error *store_connection_open_model(struct store_connection *connection, int64_t version)
{
	struct error *err;
	int status;

	connection->path = strdup("the model of the schema");
	if (!connection->path)
		return &error_no_memory;
	status = sqlite3_open_v2(":memory:", &connection->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	err = status == SQLITE_OK ? NULL : store_connection_error(connection, status, "cannot make a model schema");
	return err ? err : store_connection_migrate(connection, 0, version);
}

/* A file can carry our id and yet hold a view named "event" that never ends. */
struct error *store_connection_check_schema(const struct store_connection *connection, int64_t version)
{
	const struct store_model *model = version ? &store_models[version - 1] : &(struct store_model){0};
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(connection, STORE_MODEL_QUERY, 0, &statement);
	int status = SQLITE_DONE, found = 0;

	/* Both are by name; a trigger may have the name of a table. */
	while (!err && found < model->count && (status = sqlite3_step(statement)) == SQLITE_ROW) {
		const struct store_model_row *row = &model->rows[found];
		const char *type = (const char *)sqlite3_column_text(statement, 0);
		const char *name = (const char *)sqlite3_column_text(statement, 1);
		const char *sql = (const char *)sqlite3_column_text(statement, 2);

		if (!type || !name || !sql)
			return &error_no_memory;
		if (strcmp(name, row->name) > 0)
			break;
		found += strcmp(name, row->name) == 0 && strcmp(type, row->type) == 0 && strcmp(sql, row->sql) == 0;
	}
	if (!err && status != SQLITE_ROW && status != SQLITE_DONE)
		err = store_connection_error(connection, status, "cannot read the schema");
	if (!err && found < model->count)
		err = error_format(ERROR_INVALID, "%s: its %s \"%s\" is not that of a corelate store", connection->path,
				   model->rows[found].type, model->rows[found].name);
	return err;
}
