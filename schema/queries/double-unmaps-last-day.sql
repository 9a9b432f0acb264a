-- SPDX-License-Identifier: MIT
-- Question: Which calls of munmap unmapped what had been unmapped already, and what of others did they take with them?
-- Parameter: hours number = 24: how far back, from the newest moment that the database knows.
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
)
SELECT date_of(second.enter_ns, recording.id) AS date,
	process.pid AS pid,
	space.comm AS comm,
	second.tid AS tid,
	addr(again.start) || '-' || addr(again."end") AS range,
	again.bytes AS again_bytes,
	coalesce((SELECT sum(life.bytes) FROM life
		WHERE life.gone_event = again.event AND life.made_event > again.earlier_event), 0) AS taken_bytes,
	(SELECT made.tid FROM life JOIN event AS made ON made.id = life.made_event
		WHERE life.gone_event = again.event AND life.made_event > again.earlier_event
		ORDER BY life.bytes DESC LIMIT 1) AS taken_from,
	coalesce(symbol(second.space_id, second.top_word, second.enter_ns),
		symbol(second.space_id, second.ip, second.enter_ns), addr(second.ip)) AS caller,
	date_of(first.enter_ns, recording.id) AS first_date,
	first.tid AS first_tid,
	coalesce(symbol(first.space_id, first.top_word, first.enter_ns),
		symbol(first.space_id, first.ip, first.enter_ns), addr(first.ip)) AS first_caller,
	first.enter_ns + first.duration_ns < second.enter_ns AS ordered,
	coalesce((SELECT CASE WHEN min(gap.lost) = 0 THEN -1 ELSE sum(gap.lost) END FROM gap
		WHERE gap.recording_id = recording.id AND gap.pid IN (0, process.pid)
			AND gap.from_ns <= second.enter_ns AND gap.to_ns >= first.enter_ns), 0) AS lost_between,
	first.id AS first_event,
	second.id AS event
FROM again
JOIN event AS second ON second.id = again.event
JOIN event AS first ON first.id = again.earlier_event
JOIN space ON space.id = second.space_id
JOIN process ON process.id = space.process_id
JOIN recording ON recording.id = process.recording_id
WHERE second.enter_ns + recording.realtime_offset_ns
	>= (SELECT max(last_commit_ns + realtime_offset_ns) FROM recording) - :hours * 3600000000000
ORDER BY taken_bytes DESC, second.enter_ns + recording.realtime_offset_ns DESC, event
