/* SPDX-License-Identifier: MIT */
/* The short transactions of pruning, between which a recorder gets its turn. */
#include <time.h>

#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/prune_internal.h"

#define NS_PER_S 1000000000LL

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

struct error *store_prune_begin(struct pruning *pruning)
{
	if (pruning->limits->go_on && !pruning->limits->go_on(pruning->limits->context))
		return error_format(ERROR_SYSTEM, "%s: interrupted", pruning->connection.path);
	pruning->begun_ns = monotonic_ns();
	return store_connection_execute(&pruning->connection, "BEGIN IMMEDIATE");
}

struct error *store_prune_commit(struct pruning *pruning, struct error *err)
{
	int64_t taken;

	if (!err)
		err = store_connection_execute(&pruning->connection, "COMMIT");
	if (err) {
		sqlite3_exec(pruning->connection.db, "ROLLBACK", NULL, NULL, NULL);
		return err;
	}
	taken = monotonic_ns() - pruning->begun_ns;
	if (pruning->recorder_runs && taken > 0)
		nanosleep(&(struct timespec){taken / NS_PER_S, taken % NS_PER_S}, NULL);
	return NULL;
}

struct error *store_prune_run(struct pruning *pruning, const char *sql, const struct store_parameter *parameters,
			      int parameter_count, uint64_t *changed)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_prepare_bound(&pruning->connection, sql, parameters, parameter_count, &statement);
	int status;

	if (err)
		return err;
	status = sqlite3_step(statement);
	if (status != SQLITE_DONE && status != SQLITE_ROW)
		return store_connection_error(&pruning->connection, status, "cannot remove rows");
	if (changed)
		*changed += (uint64_t)sqlite3_changes(pruning->connection.db);
	return NULL;
}
