-- SPDX-License-Identifier: MIT
-- Question: Which libraries were unloaded, when and by whom?
-- Parameter: pid number optional: of this process alone.
-- Parameter: limit number = 100: how many, the newest.
-- Column: date: when the unmapping call began, UTC.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: path: the file whose code was unmapped.
-- Column: range: where its code was.
-- Column: tid: thread that unmapped it.
-- Column: caller: where it was called.
-- Column: loaded_date: when it had been mapped.
-- Column: loaded_tid: thread that had mapped it.
-- Column: seconds_to_end: from the unloading to the end of the process, if that was seen.
-- Column: event: event.id of the call.
-- Example: corelate sql library-unloads 4242
--
-- Code that is mapped over by the same file is not unloaded: the dynamic linker lays out a library so.
WITH unload AS MATERIALIZED (
	SELECT life.gone_event AS event, life.made_event AS made_event, life.start AS start, life."end" AS "end",
		life.file_id AS file_id, space.comm AS comm, space.process_id AS process_id
	FROM mapping_life AS life
	CROSS JOIN event ON event.id = life.gone_event
	JOIN space ON space.id = life.space_id
	JOIN process ON process.id = space.process_id
	WHERE life.file_id IS NOT NULL AND life.protection > 0 AND life.protection & 4
		AND NOT (event.kind = 2 AND event.file_id = life.file_id)
		AND (:pid IS NULL OR process.pid = :pid)
	ORDER BY life.gone_event DESC, life.start LIMIT :limit
)
SELECT date_of(event.enter_ns, process.recording_id) AS date,
	process.pid AS pid,
	unload.comm AS comm,
	file.path AS path,
	addr(unload.start) || '-' || addr(unload."end") AS range,
	event.tid AS tid,
	coalesce(symbol(event.space_id, event.top_word, event.enter_ns),
		symbol(event.space_id, event.ip, event.enter_ns), addr(event.ip)) AS caller,
	date_of(made.enter_ns, process.recording_id) AS loaded_date,
	made.tid AS loaded_tid,
	CASE WHEN process.exit_ns > 0 THEN (process.exit_ns - event.enter_ns) / 1e9 END AS seconds_to_end,
	event.id AS event
FROM unload
JOIN event ON event.id = unload.event
JOIN event AS made ON made.id = unload.made_event
JOIN process ON process.id = unload.process_id
JOIN file ON file.id = unload.file_id
ORDER BY unload.event DESC, unload.start
