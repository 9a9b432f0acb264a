/* SPDX-License-Identifier: MIT */
/*
 * Who may go, and in which order: the long dead before the lately dead, those that died of a signal after all others,
 * and nobody before all that were forked from it have gone.
 */
#include <stdlib.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/connection.h"
#include "schema/prune.h"
#include "schema/prune_internal.h"

/* A recorder may still hand in rows of a process whose end it has stored. */
#define SETTLE_NS 60000000000LL

static int compare_ids(const void *a, const void *b)
{
	const struct mortal *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

static int compare_space_ids(const void *a, const void *b)
{
	const struct mortal_space *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

static int compare_space_owners(const void *a, const void *b)
{
	const struct mortal_space *first = a, *second = b;

	if (first->process_id != second->process_id)
		return first->process_id > second->process_id ? 1 : -1;
	return compare_space_ids(a, b);
}

/* Of two that go at the same moment the younger goes first: it may have been forked from the other. */
static int compare_turns(const void *a, const void *b)
{
	const struct mortal *first = a, *second = b;

	if (first->is_old != second->is_old)
		return first->is_old ? -1 : 1;
	if (first->rank != second->rank)
		return first->rank > second->rank ? 1 : -1;
	if (first->end_ns != second->end_ns)
		return first->end_ns > second->end_ns ? 1 : -1;
	return compare_ids(b, a);
}

/* The first two are used while the arrays are ordered by id. */
static struct mortal *find_process(const struct mortals *mortals, int64_t id)
{
	const struct mortal wanted = {.id = id};

	return mortals->count ? bsearch(&wanted, mortals->processes, mortals->count, sizeof(wanted), compare_ids)
			      : NULL;
}

static struct mortal_space *find_space(const struct mortals *mortals, int64_t id)
{
	const struct mortal_space wanted = {.id = id};

	return mortals->space_count
		       ? bsearch(&wanted, mortals->spaces, mortals->space_count, sizeof(wanted), compare_space_ids)
		       : NULL;
}

size_t mortals_spaces_of(const struct mortals *mortals, int64_t process_id)
{
	size_t low = 0, high = mortals->space_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (mortals->spaces[middle].process_id < process_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void mortals_deinit(struct mortals *mortals)
{
	free(mortals->processes);
	free(mortals->spaces);
	*mortals = (struct mortals){0};
}

/* What goes before `other` goes before this one: it holds what that one needs. */
static void outlive(struct mortal *mortal, const struct mortal *other)
{
	if (other->rank > mortal->rank)
		mortal->rank = other->rank;
	if (other->end_ns > mortal->end_ns)
		mortal->end_ns = other->end_ns;
}

static void stay(struct mortals *mortals, int64_t process_id)
{
	struct mortal *mortal = find_process(mortals, process_id);

	if (mortal)
		mortal->rank = MORTAL_STAYS;
}

/* Calls `take` for each row. */
static struct error *
each_row(struct pruning *pruning, const char *sql, const struct store_parameter *parameters, int parameter_count,
	 struct error *(*take)(struct pruning *pruning, struct mortals *mortals, sqlite3_stmt *row),
	 struct mortals *mortals)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_prepare_bound(&pruning->connection, sql, parameters, parameter_count, &statement);
	int status = SQLITE_DONE;

	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW)
		err = take(pruning, mortals, statement);
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&pruning->connection, status, "cannot read");
	return err;
}

/* ---- reading ---- */

static struct error *take_process(struct pruning *pruning, struct mortals *mortals, sqlite3_stmt *row)
{
	struct error *err = array_reserve(mortals->processes, mortals->capacity, mortals->count + 1);
	struct mortal *mortal;
	int64_t offset;

	if (err)
		return err;
	mortal = &mortals->processes[mortals->count++];
	offset = sqlite3_column_int64(row, 5);
	*mortal = (struct mortal){
		.id = sqlite3_column_int64(row, 0),
		.recording_id = sqlite3_column_int64(row, 1),
		.pid = sqlite3_column_int64(row, 2),
		.parent_pid = sqlite3_column_int64(row, 3),
		.own_end_ns = sqlite3_column_int64(row, 4),
	};
	if (__builtin_add_overflow(mortal->own_end_ns, offset, &mortal->end_ns))
		mortal->end_ns = INT64_MAX;
	if (sqlite3_column_type(row, 4) == SQLITE_NULL || mortal->end_ns > pruning->limits->now_ns ||
	    (pruning->recorder_runs && mortal->recording_id >= pruning->newest_recording_id &&
	     mortal->end_ns > pruning->limits->now_ns - SETTLE_NS))
		mortal->rank = MORTAL_STAYS;
	return NULL;
}

static struct error *take_space(struct pruning *pruning, struct mortals *mortals, sqlite3_stmt *row)
{
	struct error *err = array_reserve(mortals->spaces, mortals->space_capacity, mortals->space_count + 1);
	struct mortal *mortal;

	(void)pruning;
	if (err)
		return err;
	mortals->spaces[mortals->space_count++] = (struct mortal_space){
		sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2)};
	mortal = find_process(mortals, sqlite3_column_int64(row, 1));
	if (mortal)
		mortal->has_space = true;
	return NULL;
}

/* A process that was made by vfork or so dies in the space of another, whose rows are its history. */
static struct error *take_death(struct pruning *pruning, struct mortals *mortals, sqlite3_stmt *row)
{
	struct mortal *mortal = find_process(mortals, sqlite3_column_int64(row, 0)), *owner;
	const struct mortal_space *space = find_space(mortals, sqlite3_column_int64(row, 1));

	(void)pruning;
	if (mortal) {
		mortal->crashed = true;
		if (mortal->rank < MORTAL_CRASHED)
			mortal->rank = MORTAL_CRASHED;
	}
	owner = space ? find_process(mortals, space->process_id) : NULL;
	if (owner && mortal && owner != mortal)
		outlive(owner, mortal);
	return NULL;
}

static struct error *take_newest(struct pruning *pruning, struct mortals *mortals, sqlite3_stmt *row)
{
	(void)pruning;
	stay(mortals, sqlite3_column_int64(row, 0));
	return NULL;
}

static struct error *take_rows(struct pruning *pruning, struct mortals *mortals, sqlite3_stmt *row)
{
	const struct mortal_space *space = find_space(mortals, sqlite3_column_int64(row, 0));
	struct mortal *mortal = space ? find_process(mortals, space->process_id) : NULL;
	uint64_t rows = (uint64_t)sqlite3_column_int64(row, 1);

	(void)pruning;
	mortals->rows += rows;
	if (mortal)
		mortal->rows += rows;
	return NULL;
}

/* ---- ranking ---- */

/* A living process without a space of its own lives in that of its parent. */
static struct error *take_tenant(struct pruning *pruning, struct mortals *mortals, sqlite3_stmt *row)
{
	struct mortal *mortal = find_process(mortals, sqlite3_column_int64(row, 0));

	(void)pruning;
	if (mortal && !mortal->has_space && mortal->rank == MORTAL_STAYS)
		stay(mortals, sqlite3_column_int64(row, 1));
	return NULL;
}

/* A parent was stored before its child: from the youngest space on, each has heard of all that were forked from it. */
static void rank_ancestors(struct mortals *mortals)
{
	for (size_t i = mortals->space_count; i-- > 0;) {
		const struct mortal_space *space = &mortals->spaces[i];
		const struct mortal_space *parent = space->parent_id ? find_space(mortals, space->parent_id) : NULL;
		struct mortal *child = find_process(mortals, space->process_id);
		struct mortal *mortal = parent ? find_process(mortals, parent->process_id) : NULL;

		if (mortal && child)
			outlive(mortal, child);
		else if (mortal) /* whose it is was lost; nothing is known of it */
			mortal->rank = MORTAL_STAYS;
	}
}

/* What one needs is as old as itself: no rank and no end is above that of those which were forked from it. */
static void find_old(const struct pruning *pruning, struct mortals *mortals)
{
	const struct store_prune_limits *limits = pruning->limits;

	for (size_t i = 0; limits->most_age_s && i < mortals->count; i++) {
		struct mortal *mortal = &mortals->processes[i];

		mortal->is_old =
			mortal->rank < MORTAL_STAYS && mortal->end_ns < limits->now_ns &&
			((uint64_t)limits->now_ns - (uint64_t)mortal->end_ns) / 1000000000 > limits->most_age_s;
		mortals->old_count += mortal->is_old;
	}
}

/* A recording that is not known to have ended is over when a later one was begun, or when nobody records. */
static const char processes_sql[] =
	"SELECT process.id, recording_id, pid, parent_pid, "
	"CASE WHEN exit_ns > 0 THEN exit_ns "
	"WHEN ended_ns > 0 OR recording.id < :newest OR (recording.id = :newest AND NOT :recorder_runs) "
	"THEN max(first_seen_ns, started_ns, ended_ns, last_commit_ns) END, realtime_offset_ns "
	"FROM process JOIN recording ON recording.id = recording_id ORDER BY process.id";

static struct error *load_rows(struct pruning *pruning, struct mortals *mortals)
{
	static const char *const queries[] = {
		"SELECT space_id, count(*) FROM event GROUP BY space_id",
		"SELECT space_id, count(*) FROM heap GROUP BY space_id",
		"SELECT space_id, count(*) FROM call GROUP BY space_id",
		"SELECT space_id, count(*) FROM marker GROUP BY space_id",
		"SELECT space_id, count(*) FROM signal GROUP BY space_id",
	};
	struct error *err = NULL;

	for (size_t i = 0; !err && i < array_size(queries); i++)
		err = each_row(pruning, queries[i], NO_PARAMETERS, take_rows, mortals);
	return err;
}

static struct error *load(struct pruning *pruning, struct mortals *mortals)
{
	struct error *err = each_row(
		pruning, processes_sql,
		PARAMETERS({":newest", pruning->newest_recording_id}, {":recorder_runs", pruning->recorder_runs}),
		take_process, mortals);

	if (!err)
		err = each_row(pruning, "SELECT id, process_id, parent_space_id FROM space ORDER BY id", NO_PARAMETERS,
			       take_space, mortals);
	if (!err)
		err = each_row(pruning,
			       "SELECT process_id, space_id FROM signal WHERE fatal = 1 "
			       "UNION ALL SELECT process_id, space_id FROM exit_state",
			       NO_PARAMETERS, take_death, mortals);
	/* No id may be given twice. Of signals only those that killed go at once; see prune_sweep.c. */
	if (!err)
		err = each_row(
			pruning,
			"SELECT max(id) FROM process "
			"UNION ALL SELECT process_id FROM space WHERE id = (SELECT max(id) FROM space) "
			"UNION ALL SELECT process_id FROM signal "
			"WHERE id = (SELECT max(id) FROM signal) AND fatal = 1 "
			"UNION ALL SELECT space.process_id FROM signal JOIN space ON space.id = space_id "
			"WHERE signal.id = (SELECT max(id) FROM signal) AND fatal = 1 "
			"UNION ALL SELECT process_id FROM exit_state WHERE id = (SELECT max(id) FROM exit_state)",
			NO_PARAMETERS, take_newest, mortals);
	if (!err)
		err = each_row(pruning,
			       "SELECT child.id, parent.id FROM process AS child JOIN process AS parent "
			       "ON parent.recording_id = child.recording_id AND parent.pid = child.parent_pid "
			       "WHERE child.exit_ns = 0",
			       NO_PARAMETERS, take_tenant, mortals);
	return err;
}

struct error *mortals_load(struct pruning *pruning, bool with_rows, struct mortals *ret)
{
	struct error *err;

	*ret = (struct mortals){0};
	err = load(pruning, ret);
	if (!err && with_rows)
		err = load_rows(pruning, ret);
	if (err)
		return err;
	rank_ancestors(ret);
	find_old(pruning, ret);
	if (ret->count)
		qsort(ret->processes, ret->count, sizeof(*ret->processes), compare_turns);
	if (ret->space_count)
		qsort(ret->spaces, ret->space_count, sizeof(*ret->spaces), compare_space_owners);
	return NULL;
}
