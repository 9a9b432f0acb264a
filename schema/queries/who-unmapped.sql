-- SPDX-License-Identifier: MIT
-- Question: Who unmapped this address, and what stood there?
-- Parameter: address address: an address of the recorded process.
-- Parameter: pid number optional: of this process alone.
-- Column: date: when the call began, UTC.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: tid: thread that did it.
-- Column: call: munmap, or what else takes mappings away: mmap with MAP_FIXED, mremap, brk, shmdt.
-- Column: range: what the call unmapped.
-- Column: caller: where it was called.
-- Column: stood_there: the mapping that lost this page: its range as it was then.
-- Column: made_date: when that was made; NULL where nothing was known to stand there.
-- Column: made_tid: thread that made it.
-- Column: path: its file; NULL for anonymous memory.
-- Column: event: event.id.
-- Example: corelate sql who-unmapped 0x7ffff7a4f234
--
-- Mappings that a fork inherited are listed under the parent alone.
WITH gone AS MATERIALIZED (
	SELECT id, iif(removed_start <= :address AND :address < removed_end, removed_start, removed2_start) AS start,
		iif(removed_start <= :address AND :address < removed_end, removed_end, removed2_end) AS "end"
	FROM v_effect
	WHERE kind IN (2, 3, 4, 8, 9, 10) AND ((removed_start <= :address AND :address < removed_end)
		OR (removed2_start <= :address AND :address < removed2_end))
), life AS MATERIALIZED (
	SELECT gone_event, made_event, start, "end", file_id FROM mapping_life
	WHERE start <= :address AND :address < "end" AND gone_event IN (SELECT id FROM gone)
)
SELECT date_of(event.enter_ns, recording.id) AS date,
	process.pid AS pid,
	space.comm AS comm,
	event.tid AS tid,
	memory_kind.name AS call,
	addr(gone.start) || '-' || addr(gone."end") AS range,
	coalesce(symbol(event.space_id, event.top_word, event.enter_ns),
		symbol(event.space_id, event.ip, event.enter_ns), addr(event.ip)) AS caller,
	addr(life.start) || '-' || addr(life."end") AS stood_there,
	date_of(made.enter_ns, recording.id) AS made_date,
	made.tid AS made_tid,
	file.path AS path,
	event.id AS event
FROM gone
JOIN event ON event.id = gone.id
JOIN space ON space.id = event.space_id
JOIN process ON process.id = space.process_id
JOIN recording ON recording.id = process.recording_id
LEFT JOIN memory_kind ON memory_kind.kind = event.kind
LEFT JOIN life ON life.gone_event = gone.id
LEFT JOIN event AS made ON made.id = life.made_event
LEFT JOIN file ON file.id = life.file_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY event.enter_ns + recording.realtime_offset_ns DESC, event.id DESC
