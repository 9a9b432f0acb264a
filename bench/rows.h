/* SPDX-License-Identifier: MIT */
/*
 * Help for the programs of this folder that handle rows of a store: they end with a message when anything fails. They
 * speak SQL themselves, because what they measure is what the store adds to plain SQL.
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/error.h"

/* Events without a stack: the store gives stack_id its default. */
#define INSERT_EVENT                                                                                                   \
	"INSERT INTO event (id, space_id, tid, kind, enter_ns, duration_ns, ip, sp, top_word, result, a0, a1, a2, "    \
	"a3, "                                                                                                         \
	"a4, a5, file_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"

static inline void require(struct error *err)
{
	if (!err)
		return;
	fprintf(stderr, "bench: %s\n", err->message);
	exit(1);
}

static inline void require_sql(sqlite3 *db, int status, const char *what)
{
	if (status == SQLITE_OK || status == SQLITE_ROW || status == SQLITE_DONE)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, sqlite3_errmsg(db));
	exit(1);
}

static inline sqlite3 *open_database(const char *path)
{
	sqlite3 *db;

	int status = sqlite3_open(path, &db);

	require_sql(db, status, path);
	return db;
}

static inline sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;

	require_sql(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), sql);
	return statement;
}

static inline void execute(sqlite3 *db, const char *sql)
{
	require_sql(db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

static inline int64_t get_integer(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = prepare(db, sql);
	int64_t value;

	require_sql(db, sqlite3_step(statement), sql);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

static inline double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
