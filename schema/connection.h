/* SPDX-License-Identifier: MIT */
/*
 * A database that is open, and its prepared statements. Not for other modules.
 */
#ifndef SCHEMA_CONNECTION_H
#define SCHEMA_CONNECTION_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

struct store_connection {
	sqlite3 *db;
	char *path;
};

void store_connection_close(struct store_connection *connection);

/* The connection's last error, "PATH: WHAT: SQLITE'S TEXT". */
struct error *store_connection_error(const struct store_connection *connection, int status,
				     const char *what) must_check;
struct error *store_connection_execute(const struct store_connection *connection, const char *sql) must_check;
struct error *store_connection_prepare(const struct store_connection *connection, const char *sql, unsigned int flags,
				       sqlite3_stmt **ret_statement) must_check;
/* A value for a parameter, which is named with its colon: {":space_id", id}. */
struct store_parameter {
	const char *name;
	int64_t value;
};

/* Two arguments: the array and how many. */
#define PARAMETERS(...)                                                                                                \
	(const struct store_parameter[]){__VA_ARGS__},                                                                 \
		sizeof((const struct store_parameter[]){__VA_ARGS__}) / sizeof(struct store_parameter)
#define NO_PARAMETERS NULL, 0

/* Binds them all. ERROR_INVALID names a parameter that the statement has not, or says how many got no value. */
struct error *store_bind(const struct store_connection *connection, sqlite3_stmt *statement,
			 const struct store_parameter *parameters, int count) must_check;

/* The number of a parameter, for a statement that runs often. ERROR_INVALID when there is none of that name. */
struct error *store_parameter_find(const struct store_connection *connection, sqlite3_stmt *statement, const char *name,
				   int *ret_number) must_check;

/* Prepares a statement that runs once, and binds. */
struct error *store_prepare_bound(const struct store_connection *connection, const char *sql,
				  const struct store_parameter *parameters, int count,
				  sqlite3_stmt **ret_statement) must_check;

/* First column of the first row; 0 when there is none. */
struct error *store_connection_get(const struct store_connection *connection, const char *sql,
				   int64_t *ret_value) must_check;

static inline void cleanup_finalize_statement(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

#define cleanup_statement cleanup_with(cleanup_finalize_statement)

/* SQLite's integers are signed: addresses and words are cast there and back, times and limits beyond its range are cut.
 */
static inline int64_t store_limit(size_t limit)
{
	return limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
}

static inline int64_t store_time(uint64_t time_ns)
{
	return time_ns > INT64_MAX ? INT64_MAX : (int64_t)time_ns;
}

#endif
