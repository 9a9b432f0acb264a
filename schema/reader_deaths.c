/* SPDX-License-Identifier: MIT */
#include "schema/reader_deaths.h"

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/row.h"

struct error *store_reader_signal(struct store_reader *reader, int64_t id, struct signal_event *ret)
{
	return store_select_one(reader, &row_signal, "WHERE id = :id", PARAMETERS({":id", id}), ret);
}

struct error *store_reader_signal_sender(struct store_reader *reader, int64_t signal_id, struct signal_sender *ret)
{
	return store_select_one(reader, &row_signal_sender, "WHERE signal_id = :signal_id",
				PARAMETERS({":signal_id", signal_id}), ret);
}

/* The first fatal signal of a process is the one that it died of. */
struct error *store_reader_fatal_signals(struct store_reader *reader, size_t limit, struct signal_event **ret_signals,
					 size_t *ret_count)
{
	return store_select_all(
		reader, &row_signal,
		"WHERE fatal = 1 AND NOT EXISTS (SELECT 1 FROM signal AS earlier WHERE earlier.fatal = 1 AND "
		"earlier.process_id = signal.process_id AND earlier.id < signal.id) ORDER BY id DESC LIMIT :limit",
		PARAMETERS({":limit", store_limit(limit)}), (void **)ret_signals, ret_count);
}

struct error *store_reader_fatal_signal_in(struct store_reader *reader, int64_t space_id, int64_t process_id,
					   struct signal_event *ret)
{
	return store_select_one(
		reader, &row_signal,
		"WHERE space_id = :space_id AND fatal = 1 AND process_id = :process_id ORDER BY id LIMIT 1",
		PARAMETERS({":space_id", space_id}, {":process_id", process_id}), ret);
}

struct error *store_reader_return_instances(struct store_reader *reader, int64_t signal_id,
					    struct return_instance **ret, size_t *ret_count)
{
	return store_select_all(reader, &row_return_instance, "WHERE signal_id = :signal_id ORDER BY tid, depth, id",
				PARAMETERS({":signal_id", signal_id}), (void **)ret, ret_count);
}

struct error *store_reader_exit_return_instances(struct store_reader *reader, int64_t exit_state_id,
						 struct return_instance **ret, size_t *ret_count)
{
	return store_select_all(reader, &row_return_instance,
				"WHERE exit_state_id > 0 AND exit_state_id = :exit_state_id ORDER BY tid, depth, id",
				PARAMETERS({":exit_state_id", exit_state_id}), (void **)ret, ret_count);
}

struct error *store_reader_exit_states(struct store_reader *reader, int64_t space_id, size_t limit,
				       struct exit_state **ret, size_t *ret_count)
{
	return store_select_all(
		reader, &row_exit_state, "WHERE :space_id IN (0, space_id) ORDER BY id DESC LIMIT :limit",
		PARAMETERS({":space_id", space_id}, {":limit", store_limit(limit)}), (void **)ret, ret_count);
}
