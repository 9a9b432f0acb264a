-- SPDX-License-Identifier: MIT
-- Question: Which threads did this process have, and what did they do?
-- Parameter: pid number: a process; all that had this pid.
-- Column: tid: thread.
-- Column: comm: command name of the process.
-- Column: started: date of its birth, UTC; NULL when that was not seen.
-- Column: first_event: date of the first thing that it did to memory, or of its first marker.
-- Column: last_event: date of the last.
-- Column: memory_events: calls that change mappings.
-- Column: markers: that it set.
-- Column: heap_calls: recorded calls of the allocator.
-- Column: crashed: 1 when it took the signal that killed the process.
-- Column: process: process.id.
-- Example: corelate sql threads 4242
WITH mine AS MATERIALIZED (
	SELECT process.id AS id, process.recording_id AS recording_id, space.id AS space_id, process.comm AS comm
	FROM process JOIN space ON space.process_id = process.id WHERE process.pid = :pid
), done AS (
	SELECT mine.id AS id, event.tid AS tid, min(event.enter_ns) AS first, max(event.enter_ns) AS last,
		count(*) AS events, 0 AS markers, 0 AS calls
	FROM event JOIN mine ON mine.space_id = event.space_id WHERE event.kind <> 1 GROUP BY mine.id, event.tid
	UNION ALL
	SELECT mine.id, marker.tid, min(marker.enter_ns), max(marker.enter_ns), 0, count(*), 0
	FROM marker JOIN mine ON mine.space_id = marker.space_id GROUP BY mine.id, marker.tid
	UNION ALL
	SELECT mine.id, heap.tid, NULL, NULL, 0, 0, count(*)
	FROM heap JOIN mine ON mine.space_id = heap.space_id GROUP BY mine.id, heap.tid
	UNION ALL
	SELECT process_id, tid, NULL, NULL, 0, 0, 0 FROM thread_start WHERE process_id IN (SELECT id FROM mine)
	UNION ALL
	SELECT process_id, tid, NULL, NULL, 0, 0, 0 FROM signal
	WHERE fatal = 1 AND process_id IN (SELECT id FROM mine)
)
SELECT done.tid AS tid,
	process.comm AS comm,
	(SELECT date_of(min(thread_start.time_ns), process.recording_id) FROM thread_start
		WHERE thread_start.process_id = process.id AND thread_start.tid = done.tid) AS started,
	date_of(min(done.first), process.recording_id) AS first_event,
	date_of(max(done.last), process.recording_id) AS last_event,
	sum(done.events) AS memory_events,
	sum(done.markers) AS markers,
	sum(done.calls) AS heap_calls,
	EXISTS (SELECT 1 FROM signal WHERE signal.process_id = process.id AND signal.fatal = 1
		AND signal.tid = done.tid) AS crashed,
	process.id AS process
FROM done JOIN process ON process.id = done.id
GROUP BY process.id, done.tid
ORDER BY process.id, done.tid
