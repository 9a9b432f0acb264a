/* SPDX-License-Identifier: MIT */
/*
 * What was lost of an address space. A fork's history is its ancestors' up to the fork, and so are their losses; of a
 * space that several processes use, each may have lost what concerns it.
 */
#include "schema/reader_gaps.h"

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/row.h"

/* A parent was stored before its child; anything else is no truth, and could be a circle. */
static const char gaps_rest[] =
	"WHERE id IN (WITH RECURSIVE line (space_id, until_ns, depth) AS ("
	"SELECT :space_id, :until_ns, 0 UNION ALL "
	"SELECT space.parent_space_id, min(max(space.from_ns, coalesce(process.start_ns, 0)), line.until_ns), "
	"line.depth + 1 FROM line JOIN main.space ON space.id = line.space_id "
	"LEFT JOIN main.process ON process.id = space.process_id "
	"WHERE space.origin = 2 AND space.parent_space_id > 0 AND space.parent_space_id < space.id "
	"AND line.depth < 1024), "
	"user (recording_id, pid, from_ns, until_ns) AS ("
	"SELECT process.recording_id, process.pid, 0, line.until_ns FROM line "
	"JOIN main.space ON space.id = line.space_id JOIN main.process ON process.id = space.process_id UNION ALL "
	"SELECT process.recording_id, process.pid, space_sharer.from_ns, line.until_ns FROM line "
	"JOIN main.space_sharer ON space_sharer.space_id = line.space_id "
	"JOIN main.process ON process.id = space_sharer.process_id) "
	"SELECT gap.id FROM main.gap WHERE gap.from_ns <= :until_ns AND gap.to_ns >= :from_ns "
	"AND gap.recording_id IN (SELECT recording_id FROM user) "
	"AND (gap.pid = 0 OR EXISTS (SELECT 1 FROM user WHERE user.recording_id = gap.recording_id "
	"AND user.pid = gap.pid AND gap.from_ns <= user.until_ns AND gap.to_ns >= user.from_ns))) "
	"ORDER BY from_ns, id";

struct error *store_gaps_between(struct store_reader *reader, int64_t space_id, int64_t from_ns, int64_t until_ns,
				 struct gap **ret_gaps, size_t *ret_count)
{
	return store_select_all(reader, &row_gap, gaps_rest,
				PARAMETERS({":space_id", space_id}, {":from_ns", from_ns}, {":until_ns", until_ns}),
				(void **)ret_gaps, ret_count);
}

struct error *store_reader_space_gaps(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
				      struct gap **ret_gaps, size_t *ret_count)
{
	return store_gaps_between(reader, space_id, 0, store_time(until_ns), ret_gaps, ret_count);
}

struct error *store_reader_pruned(struct store_reader *reader, uint64_t *ret_processes, int64_t *ret_until_ns)
{
	int64_t processes = 0;
	struct error *err = store_connection_get(&reader->connection, "SELECT sum(processes) FROM pruned", &processes)
				    ?: store_connection_get(&reader->connection,
							    "SELECT max(until_ns + realtime_offset_ns) FROM pruned "
							    "JOIN recording ON recording.id = recording_id",
							    ret_until_ns);

	*ret_processes = processes > 0 ? (uint64_t)processes : 0;
	return err;
}
