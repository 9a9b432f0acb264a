/* SPDX-License-Identifier: MIT */
/*
 * Pruning. Two steps: a process and its spaces, deaths and coverage go in one transaction, from which on nobody can
 * find it; then the rows that named them are swept, in as many transactions as it takes. What is still to be swept
 * stands in prune_rest, written by the first step.
 */
#include "schema/prune.h"

#include "common/array.h"
#include "schema/connection.h"
#include "schema/open.h"
#include "schema/open_lock.h"
#include "schema/prune_internal.h"

/* Processes that go in one transaction. */
#define BATCH 100

/* ---- the first step ---- */

static struct error *remove_space(struct pruning *pruning, int64_t space_id)
{
	static const char *const statements[] = {
		"INSERT OR IGNORE INTO prune_rest VALUES (2, :space_id)",
		"DELETE FROM return_instance WHERE signal_id > 0 AND signal_id IN "
		"(SELECT id FROM signal WHERE space_id = :space_id AND fatal = 1)",
		"DELETE FROM signal_sender WHERE signal_id IN "
		"(SELECT id FROM signal WHERE space_id = :space_id AND fatal = 1)",
		"DELETE FROM signal WHERE space_id = :space_id AND fatal = 1",
		"DELETE FROM space WHERE id = :space_id",
	};
	struct error *err = NULL;

	for (size_t i = 0; !err && i < array_size(statements); i++)
		err = store_prune_run(pruning, statements[i], PARAMETERS({":space_id", space_id}),
				      i ? &pruning->result->rows : NULL);
	return err;
}

static struct error *remove_process(struct pruning *pruning, const struct mortals *mortals, const struct mortal *mortal)
{
	static const char *const statements[] = {
		"INSERT OR IGNORE INTO prune_rest VALUES (1, :process_id)",
		"DELETE FROM return_instance WHERE signal_id > 0 AND signal_id IN "
		"(SELECT id FROM signal WHERE process_id = :process_id AND fatal = 1)",
		"DELETE FROM signal_sender WHERE signal_id IN "
		"(SELECT id FROM signal WHERE process_id = :process_id AND fatal = 1)",
		"DELETE FROM signal WHERE process_id = :process_id AND fatal = 1",
		"DELETE FROM return_instance WHERE exit_state_id > 0 AND exit_state_id IN "
		"(SELECT id FROM exit_state WHERE process_id = :process_id)",
		"DELETE FROM exit_state WHERE process_id = :process_id",
		"DELETE FROM process WHERE id = :process_id",
	};
	struct error *err = NULL;

	for (size_t i = mortals_spaces_of(mortals, mortal->id);
	     !err && i < mortals->space_count && mortals->spaces[i].process_id == mortal->id; i++)
		err = remove_space(pruning, mortals->spaces[i].id);
	if (!err)
		err = store_prune_run(
			pruning,
			"DELETE FROM probe_coverage WHERE recording_id = :recording_id AND process_id = :process_id",
			PARAMETERS({":recording_id", mortal->recording_id}, {":process_id", mortal->id}),
			&pruning->result->rows);
	for (size_t i = 0; !err && i < array_size(statements); i++)
		err = store_prune_run(pruning, statements[i], PARAMETERS({":process_id", mortal->id}),
				      i ? &pruning->result->rows : NULL);
	return err;
}

/* What "pruned" tells, in the same transaction. */
static struct error *write_down(struct pruning *pruning, const struct mortal *mortal)
{
	const struct store_parameter parameters[] = {{":recording_id", mortal->recording_id},
						     {":now_ns", pruning->limits->now_ns},
						     {":deaths", mortal->crashed},
						     {":end_ns", mortal->own_end_ns}};
	uint64_t changed = 0;
	struct error *err = store_prune_run(pruning,
					    "UPDATE pruned SET processes = processes + 1, deaths = deaths + :deaths, "
					    "until_ns = max(until_ns, :end_ns) "
					    "WHERE recording_id = :recording_id AND time_ns = :now_ns",
					    parameters, 4, &changed);

	if (!err && !changed)
		err = store_prune_run(pruning,
				      "INSERT INTO pruned (recording_id, time_ns, processes, deaths, until_ns) "
				      "VALUES (:recording_id, :now_ns, 1, :deaths, :end_ns)",
				      parameters, 4, NULL);
	return err;
}

static struct error *remove_batch(struct pruning *pruning, const struct mortals *mortals, size_t first, size_t end)
{
	uint64_t rows = pruning->result->rows, deaths = 0;
	struct error *err = store_prune_begin(pruning);

	if (err)
		return err;
	err = store_prune_run(pruning, "INSERT OR IGNORE INTO prune_rest VALUES (3, 0)", NO_PARAMETERS, NULL);
	for (size_t i = first; !err && i < end; i++) {
		err = remove_process(pruning, mortals, &mortals->processes[i])
			      ?: write_down(pruning, &mortals->processes[i]);
		deaths += mortals->processes[i].crashed;
	}
	err = store_prune_commit(pruning, err);
	if (err) {
		pruning->result->rows = rows;
		return err;
	}
	pruning->result->processes += end - first;
	pruning->result->deaths += deaths;
	pruning->result->kept -= end - first;
	return NULL;
}

/* ---- how many ---- */

static struct error *used_bytes(struct pruning *pruning, uint64_t *ret)
{
	int64_t bytes;
	struct error *err = store_connection_get(
		&pruning->connection,
		"SELECT ((SELECT * FROM pragma_page_count) - (SELECT * FROM pragma_freelist_count)) "
		"* (SELECT * FROM pragma_page_size)",
		&bytes);

	if (!err)
		*ret = bytes > 0 ? (uint64_t)bytes : 0;
	return err;
}

/* Stacks cannot go while a recorder runs: more processes must not go in their place. */
static struct error *fixed_bytes(struct pruning *pruning, uint64_t *ret)
{
	int64_t bytes = 0;
	struct error *err = NULL;

	if (pruning->recorder_runs)
		err = store_connection_get(&pruning->connection,
					   "SELECT (SELECT coalesce(sum(length(data) + 12), 0) FROM stack_block) + "
					   "(SELECT coalesce(sum(length(blocks) + 12), 0) FROM stack_slice) + "
					   "(SELECT 60 * count(*) FROM stack)",
					   &bytes);
	*ret = bytes > 0 ? (uint64_t)bytes : 0;
	return err;
}

/* So many more, from `first` on, make `excess` bytes; each row is worth what the average one takes. */
static size_t gather_size(const struct mortals *mortals, size_t first, uint64_t used, uint64_t excess)
{
	double row_bytes = mortals->rows ? (double)used / (double)mortals->rows : 0, sum = 0;
	size_t i = first;

	while (i < mortals->count && mortals->processes[i].rank < MORTAL_STAYS && sum < (double)excess)
		sum += (double)mortals->processes[i++].rows * row_bytes + 200; /* its own row, and its spaces' */
	return i;
}

static struct error *remove_all(struct pruning *pruning, const struct mortals *mortals, size_t count)
{
	struct error *err = NULL;

	for (size_t i = 0; !err && i < count; i += BATCH)
		err = remove_batch(pruning, mortals, i, i + BATCH < count ? i + BATCH : count);
	return err ?: store_prune_sweep(pruning);
}

static void foresee(struct pruning *pruning, const struct mortals *mortals, size_t count)
{
	struct store_pruned *result = pruning->result;
	uint64_t rows = 0;

	for (size_t i = 0; i < count; i++) {
		result->deaths += mortals->processes[i].crashed;
		rows += mortals->processes[i].rows;
	}
	result->processes = count;
	result->kept -= count;
	if (mortals->rows)
		result->used -= (uint64_t)((double)result->used * (double)rows / (double)mortals->rows);
}

static struct error *prune_old(struct pruning *pruning)
{
	struct mortals mortals;
	struct error *err = mortals_load(pruning, pruning->limits->dry_run, &mortals);

	if (!err) {
		pruning->result->kept = mortals.count;
		if (pruning->limits->dry_run)
			foresee(pruning, &mortals, mortals.old_count);
		else
			err = remove_all(pruning, &mortals, mortals.old_count);
	}
	mortals_deinit(&mortals);
	return err;
}

/* One round; *ret_some tells whether it found anybody. */
static struct error *prune_large(struct pruning *pruning, uint64_t used, uint64_t excess, bool *ret_some)
{
	struct mortals mortals;
	struct error *err = mortals_load(pruning, true, &mortals);

	*ret_some = false;
	if (!err) {
		bool dry_run = pruning->limits->dry_run;
		/* Of a dry run those that are too old are still there; they are the first to go. */
		size_t count = gather_size(&mortals, mortals.old_count, used, excess);

		*ret_some = count > 0;
		if (dry_run) {
			pruning->result->deaths = 0;
			pruning->result->kept = mortals.count;
			pruning->result->used = pruning->result->used_before;
			foresee(pruning, &mortals, count);
		} else if (*ret_some) {
			err = remove_all(pruning, &mortals, count);
		}
	}
	mortals_deinit(&mortals);
	return err;
}

static struct error *prune_to_size(struct pruning *pruning)
{
	const uint64_t most = pruning->limits->most_bytes, least_step = most / 32;
	struct store_pruned *result = pruning->result;
	bool some = most > 0;
	struct error *err = NULL;
	uint64_t fixed = 0;

	if (some && result->used > most)
		err = fixed_bytes(pruning, &fixed);
	while (!err && some) {
		uint64_t loose = result->used > fixed ? result->used - fixed : 0;
		uint64_t room = most / 2 > fixed ? most - fixed : most / 2;

		if (loose <= room)
			break;
		/* Rows that lie among those of others make no page free: it may take more than one round. */
		err = prune_large(pruning, loose, loose - room > least_step ? loose - room : least_step, &some);
		if (pruning->limits->dry_run)
			break;
		if (!err)
			err = used_bytes(pruning, &result->used);
	}
	return err;
}

static struct error *prune(struct pruning *pruning, const char *path)
{
	struct store_pruned *result = pruning->result;
	struct error *err = store_connection_get(&pruning->connection, "SELECT max(id) FROM recording",
						 &pruning->newest_recording_id);

	/* In this order: a recording that is begun after the lock was looked at has a higher id. */
	pruning->recorder_runs = result->recorder_runs = store_lock_is_held(path);
	if (!err)
		err = used_bytes(pruning, &result->used_before);
	result->used = result->used_before;
	if (!err)
		err = prune_old(pruning);
	if (!err && !pruning->limits->dry_run)
		err = used_bytes(pruning, &result->used);
	if (!err)
		err = prune_to_size(pruning);
	if (!err && !pruning->limits->dry_run)
		err = store_prune_compact(pruning);
	return err;
}

struct error *store_prune(const char *path, const struct store_prune_limits *limits, struct store_pruned *ret)
{
	struct pruning pruning = {.limits = limits, .result = ret};
	struct error *err;
	bool is_empty;

	*ret = (struct store_pruned){0};
	err = store_file_check(path, &is_empty);
	if (err || is_empty)
		return err;
	err = limits->dry_run ? store_connection_open_read(&pruning.connection, path)
			      : store_connection_open_write(&pruning.connection, path);
	if (!err)
		err = prune(&pruning, path);
	store_connection_close(&pruning.connection);
	return err;
}
