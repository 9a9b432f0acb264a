/* SPDX-License-Identifier: MIT */
/*
 * The versions of the store, and what each makes of a file. The migrations are those of schema/sql_embedded.h.
 *
 * Errors of every function of the store that opens a file or migrates it: ERROR_NOT_FOUND (no such file), ERROR_INVALID
 * (not an SQLite file, or not one of ours), ERROR_UNSUPPORTED (written by a newer version), ERROR_PERMISSION,
 * ERROR_SYSTEM with SQLite's own text. Each message names the path.
 */
#ifndef SCHEMA_MIGRATE_H
#define SCHEMA_MIGRATE_H

#include <stdint.h>

#include "common/error.h"

/* PRAGMA application_id of our files: "Core" in ASCII. */
#define STORE_APPLICATION_ID 0x436f7265

/* Number of the newest migration that this build knows (PRAGMA user_version). */
int store_newest_version(void);

/* The tables, indexes and views of a version, word for word (migrate_make_model.c), in the order of STORE_MODEL_QUERY.
 */
#define STORE_MODEL_QUERY "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
struct store_model_row {
	const char *type, *name, *sql;
};
struct store_model {
	const struct store_model_row *rows;
	int count;
};
/* Element n - 1 is of version n. */
extern const struct store_model store_models[];

struct store_connection;

/* Runs the migrations after `version` up to `target`, each in a transaction together with the version that it leads to.
 * On an error the version is that of the last one that went through. */
struct error *store_connection_migrate(const struct store_connection *connection, int64_t version,
				       int64_t target) must_check;

/* A database in memory with the schema of that version and nothing in it. */
struct error *store_connection_open_model(struct store_connection *connection, int64_t version) must_check;

/* Every table, index and view that the migrations up to `version` make must be there, word for word; what else a person
 * has added does no harm. ERROR_INVALID names the first that is not. */
struct error *store_connection_check_schema(const struct store_connection *connection, int64_t version) must_check;

#endif
