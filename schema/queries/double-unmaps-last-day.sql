-- SPDX-License-Identifier: MIT
-- Question: Which calls of munmap unmapped what had been unmapped already, and what of others did they take with them?
-- Parameter: hours number = 24: how far back, from the newest moment that the database knows.
-- Parameter: limit number = 100: how many, the worst first.
-- Column: date: of the second munmap, UTC.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: tid: thread that unmapped again.
-- Column: range: from the lowest to the highest address that was unmapped twice.
-- Column: again_bytes: how much of it was unmapped twice.
-- Column: taken_bytes: how much the second call took of mappings that were made after the first.
-- Column: taken_from: thread that had made the largest of those.
-- Column: caller: where the second munmap was called.
-- Column: first_date: of the first munmap.
-- Column: first_tid: its thread.
-- Column: first_caller: where it was called.
-- Column: ordered: 1 when the first call had returned before the second began; otherwise nobody knows which was first.
-- Column: lost_between: events that may concern the process and were lost between the two; what was mapped there
--   meanwhile may be among them. -1 where they could not be counted.
-- Column: first_event: event.id.
-- Column: event: event.id.
-- Example: corelate sql double-unmaps-last-day 48
--
-- Harmless where taken_bytes is 0: unmapping nothing succeeds. Ranges are compared page by page, so that a munmap of a
-- part counts for that part alone.
WITH again AS MATERIALIZED (
	SELECT event, earlier_event, min(start) AS start, max("end") AS "end", sum("end" - start) AS bytes
	FROM unmap_again GROUP BY event, earlier_event
), life AS MATERIALIZED (
	SELECT gone_event, made_event, sum("end" - start) AS bytes FROM mapping_life
	WHERE gone_event IN (SELECT event FROM again) GROUP BY gone_event, made_event
), taken AS MATERIALIZED (
	-- max() makes the row of the largest the one that the bare column is taken from
	SELECT again.event AS event, again.earlier_event AS earlier_event, sum(life.bytes) AS bytes,
		max(life.bytes) AS largest, life.made_event AS made_event
	FROM again JOIN life ON life.gone_event = again.event AND life.made_event > again.earlier_event
	GROUP BY again.event, again.earlier_event
), worst AS MATERIALIZED (
	SELECT again.*, process.pid AS pid, space.comm AS comm, recording.id AS recording_id,
		coalesce(taken.bytes, 0) AS taken_bytes, taken.made_event AS made_event
	FROM again
	JOIN event ON event.id = again.event
	JOIN space ON space.id = event.space_id
	JOIN process ON process.id = space.process_id
	JOIN recording ON recording.id = process.recording_id
	LEFT JOIN taken ON taken.event = again.event AND taken.earlier_event = again.earlier_event
	WHERE event.enter_ns + recording.realtime_offset_ns
		>= (SELECT max(last_commit_ns + realtime_offset_ns) FROM recording) - :hours * 3600000000000
	ORDER BY taken_bytes DESC, event.enter_ns + recording.realtime_offset_ns DESC, again.event DESC
	LIMIT :limit
)
SELECT date_of(second.enter_ns, worst.recording_id) AS date,
	worst.pid AS pid,
	worst.comm AS comm,
	second.tid AS tid,
	addr(worst.start) || '-' || addr(worst."end") AS range,
	worst.bytes AS again_bytes,
	worst.taken_bytes AS taken_bytes,
	made.tid AS taken_from,
	coalesce(symbol(second.space_id, second.top_word, second.enter_ns),
		symbol(second.space_id, second.ip, second.enter_ns), addr(second.ip)) AS caller,
	date_of(first.enter_ns, worst.recording_id) AS first_date,
	first.tid AS first_tid,
	coalesce(symbol(first.space_id, first.top_word, first.enter_ns),
		symbol(first.space_id, first.ip, first.enter_ns), addr(first.ip)) AS first_caller,
	first.enter_ns + first.duration_ns < second.enter_ns AS ordered,
	lost_between(second.space_id, first.enter_ns, second.enter_ns) AS lost_between,
	first.id AS first_event,
	second.id AS event
FROM worst
JOIN event AS second ON second.id = worst.event
JOIN event AS first ON first.id = worst.earlier_event
LEFT JOIN event AS made ON made.id = worst.made_event
ORDER BY worst.taken_bytes DESC, second.enter_ns DESC, event DESC
