/* SPDX-License-Identifier: MIT */
/*
 * Signals, who sent them, exits, and the uretprobes that were pending then.
 */
#include "schema/reader_deaths.h"

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/reader_rows.h"

struct error *store_reader_signal(struct store_reader *reader, int64_t id, struct signal_event *ret)
{
	return store_select_one(reader, &store_signal_type, "SELECT * FROM signal WHERE id = ?", VALUES(id), ret);
}

struct error *store_reader_signal_sender(struct store_reader *reader, int64_t signal_id, struct signal_sender *ret)
{
	return store_select_one(reader, &store_signal_sender_type, "SELECT * FROM signal_sender WHERE signal_id = ?",
				VALUES(signal_id), ret);
}

/* The first fatal signal of a process is the one that it died of. */
#define FIRST_DEATHS                                                                                                   \
	"SELECT * FROM signal WHERE fatal = 1 AND NOT EXISTS (SELECT 1 FROM signal AS earlier "                        \
	"WHERE earlier.fatal = 1 AND earlier.process_id = signal.process_id AND earlier.id < signal.id)"

struct error *store_reader_fatal_signals(struct store_reader *reader, size_t limit, struct signal_event **ret_signals,
					 size_t *ret_count)
{
	return store_select_all(reader, &store_signal_type, FIRST_DEATHS " ORDER BY id DESC LIMIT ?",
				VALUES(store_limit(limit)), (void **)ret_signals, ret_count);
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
				VALUES(space_id, store_limit(limit)), (void **)ret, ret_count);
}
