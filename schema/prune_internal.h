/* SPDX-License-Identifier: MIT */
/*
 * What the files of pruning share. Not for other modules.
 */
#ifndef SCHEMA_PRUNE_INTERNAL_H
#define SCHEMA_PRUNE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/connection.h"
#include "schema/prune.h"

/* prune_rest.what */
enum { PRUNE_PROCESS = 1, PRUNE_SPACE = 2, PRUNE_STACKS = 3 };

struct pruning {
	struct store_connection connection;
	const struct store_prune_limits *limits;
	struct store_pruned *result;
	bool recorder_runs;
	int64_t newest_recording_id;
	int64_t begun_ns; /* of the transaction; CLOCK_MONOTONIC */
};

/* Higher ones go later. */
enum mortal_rank { MORTAL_PLAIN, MORTAL_CRASHED, MORTAL_STAYS };

struct mortal {
	int64_t id;
	int64_t recording_id;
	int64_t pid, parent_pid;
	int64_t own_end_ns; /* boot time */
	/* Over itself and all that were forked from it, because it goes after these: */
	int64_t end_ns; /* since 1970 */
	enum mortal_rank rank;
	bool crashed; /* itself */
	bool has_space;
	bool is_old; /* goes for its age */
	uint64_t rows;
};

struct mortal_space {
	int64_t id, process_id, parent_id;
};

/* All processes, in the order in which they may go, those that are too old first; and all spaces by process. */
struct mortals {
	struct mortal *processes;
	size_t count, capacity, old_count;
	struct mortal_space *spaces;
	size_t space_count, space_capacity;
	uint64_t rows; /* of the counted tables, these processes' or not */
};

/* Reads them and ranks them: prune_plan.c. With `with_rows` their rows are counted, which reads the whole
 * database. Release with mortals_deinit() whatever happens. */
struct error *mortals_load(struct pruning *pruning, bool with_rows, struct mortals *ret) must_check;
void mortals_deinit(struct mortals *mortals);
/* The spaces of a process are those from the returned index on that have its id. */
size_t mortals_spaces_of(const struct mortals *mortals, int64_t process_id);

/* One transaction: all statements or none. With a recorder at work the time that it took is slept afterwards, so that
 * the recorder finds the database free as often as not. */
struct error *store_prune_begin(struct pruning *pruning) must_check;
struct error *store_prune_commit(struct pruning *pruning, struct error *err) must_check; /* takes err, and rolls back */
/* Runs a statement that returns nothing; adds the rows that it changed to *changed unless that is NULL. */
struct error *store_prune_run(struct pruning *pruning, const char *sql, const struct store_parameter *parameters,
			      int parameter_count, uint64_t *changed) must_check;
/* Removes the rows that what is in prune_rest has left behind, then what no row names any more. */
struct error *store_prune_sweep(struct pruning *pruning) must_check;
/* Gives free pages back to the file system when nobody records and it is worth it. */
struct error *store_prune_compact(struct pruning *pruning) must_check;

#endif
