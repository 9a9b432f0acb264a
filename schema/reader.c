/* SPDX-License-Identifier: MIT */
/*
 * The reader's questions, except for histories and SQL of people.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "schema/store.h"
#include "schema/store_internal.h"

struct error *store_reader_create(const char *path, struct store_reader **ret_reader)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));
	struct error *err;

	if (!reader)
		return &error_no_memory;
	err = store_connection_open_read(&reader->connection, path);
	if (err) {
		free(reader);
		return err;
	}
	*ret_reader = reader;
	return NULL;
}

void store_reader_destroy(struct store_reader *reader)
{
	if (!reader)
		return;
	store_connection_close(&reader->connection);
	free(reader);
}

struct rows {
	const struct row_type *type;
	char *data;
	size_t count;
	size_t capacity;
};

static void rows_deinit(struct rows *rows)
{
	for (size_t i = 0; i < rows->count && rows->type->deinit; i++)
		rows->type->deinit(rows->data + i * rows->type->size);
	free(rows->data);
	*rows = (struct rows){.type = rows->type};
}

static struct error *rows_add(struct rows *rows, sqlite3_stmt *statement)
{
	struct columns row = {.statement = statement};
	size_t size = rows->type->size;

	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? 2 * rows->capacity : 8;
		char *data = reallocarray(rows->data, capacity, size);

		if (!data)
			return &error_no_memory;
		rows->data = data;
		rows->capacity = capacity;
	}
	memset(rows->data + rows->count * size, 0, size);
	rows->type->read(&row, rows->data + rows->count++ * size);
	return row.no_memory ? &error_no_memory : NULL;
}

/* Appends the rows of a query to `rows`, whose caller deinits it whatever happens. */
static struct error *rows_query(struct rows *rows, struct store_reader *reader, const char *sql, const int64_t *values,
				int value_count)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err = store_connection_prepare(&reader->connection, sql, 0, &statement);
	int status = SQLITE_DONE;

	for (int i = 0; !err && i < value_count; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	while (!err && (status = sqlite3_step(statement)) == SQLITE_ROW)
		err = rows_add(rows, statement);
	if (!err && status != SQLITE_DONE)
		err = store_connection_error(&reader->connection, status, "cannot read");
	return err;
}

struct error *store_select_all(struct store_reader *reader, const struct row_type *type, const char *sql,
			       const int64_t *values, int value_count, void **ret_data, size_t *ret_count)
{
	struct rows rows = {.type = type};
	struct error *err = rows_query(&rows, reader, sql, values, value_count);

	if (err) {
		rows_deinit(&rows);
		return err;
	}
	*ret_data = rows.data;
	*ret_count = rows.count;
	return NULL;
}

struct error *store_select_one(struct store_reader *reader, const struct row_type *type, const char *sql,
			       const int64_t *values, int value_count, void *ret)
{
	struct rows rows = {.type = type};
	struct error *err = rows_query(&rows, reader, sql, values, value_count);

	if (!err && rows.count == 0)
		err = &error_not_found;
	if (!err) {
		memcpy(ret, rows.data, type->size);
		/* Its strings are the caller's now. */
		memset(rows.data, 0, type->size);
	}
	rows_deinit(&rows);
	return err;
}

static int64_t sql_limit(size_t limit)
{
	return limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
}

struct error *store_reader_recording(struct store_reader *reader, int64_t id, struct recording *ret)
{
	return store_select_one(reader, &store_recording_type, "SELECT * FROM recording WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_newest_recording(struct store_reader *reader, struct recording *ret)
{
	return store_select_one(reader, &store_recording_type, "SELECT * FROM recording ORDER BY id DESC LIMIT 1", NULL,
				0, ret);
}

struct error *store_reader_process(struct store_reader *reader, int64_t id, struct process *ret)
{
	return store_select_one(reader, &store_process_type, "SELECT * FROM process WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_process_at(struct store_reader *reader, int64_t recording_id, uint32_t pid, uint64_t time_ns,
				      struct process *ret)
{
	return store_select_one(reader, &store_process_type,
				"SELECT * FROM (SELECT * FROM process WHERE recording_id = ?1 AND pid = ?2 AND "
				"start_ns <= ?3 ORDER BY start_ns DESC, id DESC LIMIT 1) "
				"WHERE coalesce(exit_ns, 0) = 0 OR exit_ns >= ?3",
				VALUES(recording_id, pid, (int64_t)time_ns), ret);
}

struct error *store_reader_space(struct store_reader *reader, int64_t id, struct space *ret)
{
	return store_select_one(reader, &store_space_type, "SELECT * FROM space WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_file(struct store_reader *reader, int64_t id, struct file_identity *ret)
{
	return store_select_one(reader, &store_file_type, "SELECT * FROM file WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_signal(struct store_reader *reader, int64_t id, struct signal_event *ret)
{
	return store_select_one(reader, &store_signal_type, "SELECT * FROM signal WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_signal_sender(struct store_reader *reader, int64_t signal_id, struct signal_sender *ret)
{
	return store_select_one(reader, &store_signal_sender_type, "SELECT * FROM signal_sender WHERE signal_id = ?",
				VALUES(signal_id), ret);
}

struct error *store_reader_find_spaces(struct store_reader *reader, uint64_t sysinfo_ehdr, uint64_t random,
				       uint64_t entry, uint64_t base, struct space **ret_spaces, size_t *ret_count)
{
	return store_select_all(
		reader, &store_space_type,
		"SELECT * FROM space WHERE auxv_sysinfo_ehdr = ? AND auxv_random = ? AND auxv_entry = ? "
		"AND auxv_base = ? ORDER BY id DESC",
		VALUES((int64_t)sysinfo_ehdr, (int64_t)random, (int64_t)entry, (int64_t)base), (void **)ret_spaces,
		ret_count);
}

/* The first fatal signal of a process is the one that it died of. */
#define FIRST_DEATHS                                                                                                   \
	"SELECT * FROM signal WHERE fatal = 1 AND NOT EXISTS (SELECT 1 FROM signal AS earlier "                        \
	"WHERE earlier.fatal = 1 AND earlier.process_id = signal.process_id AND earlier.id < signal.id)"

struct error *store_reader_fatal_signals(struct store_reader *reader, size_t limit, struct signal_event **ret_signals,
					 size_t *ret_count)
{
	return store_select_all(reader, &store_signal_type, FIRST_DEATHS " ORDER BY id DESC LIMIT ?",
				VALUES(sql_limit(limit)), (void **)ret_signals, ret_count);
}

struct error *store_reader_space_fatal_signal(struct store_reader *reader, int64_t space_id, struct signal_event *ret)
{
	return store_select_one(
		reader, &store_signal_type,
		"SELECT signal.* FROM signal JOIN space ON space.id = signal.space_id "
		"WHERE signal.space_id = ? AND signal.fatal = 1 AND signal.process_id = space.process_id "
		"ORDER BY signal.id LIMIT 1",
		VALUES(space_id), ret);
}

static int compare_markers(const void *a, const void *b)
{
	const struct marker *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

struct error *store_reader_markers(struct store_reader *reader, int64_t space_id, uint64_t from_ns, uint64_t to_ns,
				   size_t limit, struct marker **ret_markers, size_t *ret_count)
{
	struct rows rows = {.type = &store_marker_type};
	cleanup_free struct lineage_step *steps = NULL;
	struct marker *markers;
	size_t step_count, excess;
	struct error *err;
	bool is_cut;

	err = store_lineage(reader, space_id, UINT64_MAX, &steps, &step_count, &is_cut);
	for (size_t i = 0; !err && i < step_count; i++)
		err = rows_query(&rows, reader,
				 "SELECT * FROM marker WHERE space_id = ? AND enter_ns BETWEEN ? AND ? "
				 "AND enter_ns < ? ORDER BY id DESC LIMIT ?",
				 VALUES(steps[i].space_id, store_time(from_ns), store_time(to_ns),
					store_time(steps[i].until_ns), sql_limit(limit)));
	if (err) {
		rows_deinit(&rows);
		return err;
	}
	markers = (struct marker *)(void *)rows.data;
	if (rows.count > 0)
		qsort(markers, rows.count, sizeof(*markers), compare_markers);
	excess = rows.count > limit ? rows.count - limit : 0;
	for (size_t i = 0; i < excess; i++)
		marker_deinit(&markers[i]);
	if (excess > 0)
		memmove(markers, markers + excess, (rows.count - excess) * sizeof(*markers));
	*ret_markers = markers;
	*ret_count = rows.count - excess;
	return NULL;
}

struct error *store_reader_marker_before(struct store_reader *reader, int64_t space_id, uint32_t tid, uint64_t time_ns,
					 struct marker *ret)
{
	/* A thread's calls do not overlap, so that the last to begin is the last to end. */
	return store_select_one(
		reader, &store_marker_type,
		"SELECT * FROM marker WHERE space_id = ?1 AND tid = ?2 AND enter_ns < ?3 AND exit_ns < ?3 "
		"ORDER BY enter_ns DESC, id DESC LIMIT 1",
		VALUES(space_id, tid, store_time(time_ns)), ret);
}

struct error *store_reader_marker_after(struct store_reader *reader, int64_t space_id, uint32_t tid, uint64_t time_ns,
					struct marker *ret)
{
	return store_select_one(reader, &store_marker_type,
				"SELECT * FROM marker WHERE space_id = ? AND tid = ? AND enter_ns > ? "
				"ORDER BY enter_ns, id LIMIT 1",
				VALUES(space_id, tid, store_time(time_ns)), ret);
}

struct error *store_reader_return_instances(struct store_reader *reader, int64_t signal_id,
					    struct return_instance **ret, size_t *ret_count)
{
	return store_select_all(reader, &store_instance_type,
				"SELECT * FROM return_instance WHERE signal_id = ? ORDER BY tid, depth, id",
				VALUES(signal_id), (void **)ret, ret_count);
}

struct error *store_reader_exit_return_instances(struct store_reader *reader, int64_t exit_state_id,
						 struct return_instance **ret, size_t *ret_count)
{
	return store_select_all(reader, &store_instance_type,
				"SELECT * FROM return_instance WHERE exit_state_id > 0 AND exit_state_id = ? "
				"ORDER BY tid, depth, id",
				VALUES(exit_state_id), (void **)ret, ret_count);
}

struct error *store_reader_exit_states(struct store_reader *reader, int64_t space_id, size_t limit,
				       struct exit_state **ret, size_t *ret_count)
{
	return store_select_all(reader, &store_exit_state_type,
				"SELECT * FROM exit_state WHERE ?1 IN (0, space_id) ORDER BY id DESC LIMIT ?2",
				VALUES(space_id, sql_limit(limit)), (void **)ret, ret_count);
}

/* The conditions on the time repeat attached_probe_held() in record.c. */
struct error *store_reader_attached_probes(struct store_reader *reader, const struct attached_probe_query *query,
					   struct attached_probe **ret_probes, size_t *ret_count)
{
	return store_select_all(reader, &store_probe_type,
				"SELECT * FROM probe WHERE recording_id = ?1 "
				"AND (?2 OR (offset = ?6 AND ((device_major = ?3 AND device_minor = ?4 AND inode = ?5) "
				"OR (file_device_major = ?3 AND file_device_minor = ?4 AND file_inode = ?5)))) "
				"AND ?7 IN (-1, at_return) "
				"AND (?8 OR (attached_ns <= ?9 AND (gone_ns = 0 OR gone_ns > ?9 "
				"OR (gone_ns = ?9 AND last_seen_ns = ?9)))) "
				"AND (?10 = 0 OR only_pid IN (-1, 0, ?10)) "
				"ORDER BY (?8 OR (max(attached_ns, first_seen_ns) <= ?9 AND last_seen_ns >= ?9)) DESC, "
				"max(attached_ns, first_seen_ns), id",
				VALUES(query->recording_id, query->any_place, query->device_major, query->device_minor,
				       (int64_t)query->inode, (int64_t)query->offset, query->at_return, query->any_time,
				       store_time(query->time_ns), query->pid),
				(void **)ret_probes, ret_count);
}
