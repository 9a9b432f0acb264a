-- SPDX-License-Identifier: MIT
-- Question: Which calls with MAP_FIXED replaced memory that was in use?
-- Parameter: pid number optional: of this process alone.
-- Column: date: UTC.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: tid: thread that replaced it.
-- Column: call: mmap, mremap or shmat.
-- Column: range: what was replaced.
-- Column: caller: where it was called.
-- Column: victim_tid: thread that had mapped what was replaced.
-- Column: victim_caller: where that was mapped.
-- Column: victim_protection: of what was replaced.
-- Column: victim_path: its file; NULL for anonymous memory.
-- Column: victim_date: when it had been mapped.
-- Column: event: event.id of the call.
-- Column: victim_event: event.id of the mapping.
-- Example: corelate sql fixed-over-live
--
-- Left out, because it is how one works: over a reservation without permissions, and over a file that the same thread
-- mapped (the dynamic linker lays out a library so).
SELECT date_of(event.enter_ns, process.recording_id) AS date,
	process.pid AS pid,
	space.comm AS comm,
	event.tid AS tid,
	memory_kind.name AS call,
	addr(life.start) || '-' || addr(life."end") AS range,
	coalesce(symbol(event.space_id, event.top_word, event.enter_ns),
		symbol(event.space_id, event.ip, event.enter_ns), addr(event.ip)) AS caller,
	made.tid AS victim_tid,
	coalesce(symbol(made.space_id, made.top_word, made.enter_ns),
		symbol(made.space_id, made.ip, made.enter_ns), nullif(addr(made.ip), '0x0')) AS victim_caller,
	protection(life.protection) AS victim_protection,
	file.path AS victim_path,
	date_of(made.enter_ns, process.recording_id) AS victim_date,
	event.id AS event,
	made.id AS victim_event
FROM mapping_life AS life
CROSS JOIN event ON event.id = life.gone_event
CROSS JOIN event AS made ON made.id = life.made_event
JOIN space ON space.id = life.space_id
JOIN process ON process.id = space.process_id
LEFT JOIN memory_kind ON memory_kind.kind = event.kind
LEFT JOIN file ON file.id = life.file_id
WHERE ((event.kind = 2 AND event.a3 & 0x10)
		OR (event.kind = 4 AND event.a3 & 2 AND life.start < event.result + page_ceil(event.a2)
			AND event.result < life."end")
		OR (event.kind = 9 AND event.a2 & 0x4000))
	AND life.protection <> 0
	AND NOT (life.file_id IS NOT NULL AND made.tid = event.tid)
	AND (:pid IS NULL OR process.pid = :pid)
ORDER BY event.id DESC, life.start
