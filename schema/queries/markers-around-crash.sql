-- SPDX-License-Identifier: MIT
-- Question: Which markers did this process set in the last seconds before it crashed?
-- Parameter: pid number: a process that died of a signal; of several the last.
-- Parameter: seconds number = 10: how far back from the crash.
-- Column: before_ms: milliseconds from the marker to the crash; less than 0 after it.
-- Column: date: UTC.
-- Column: tid: thread.
-- Column: crashed: 1 for the thread that crashed.
-- Column: number: the marker's number; NULL where it has none.
-- Column: text: the name that it gives; NULL when it gives none.
-- Column: option: first argument of prctl.
-- Column: place: where it was called.
-- Column: marker: marker.id.
-- Example: corelate sql markers-around-crash 4242 60
WITH death AS MATERIALIZED (
	SELECT signal.space_id AS space_id, signal.time_ns AS time_ns, signal.tid AS tid,
		process.recording_id AS recording_id
	FROM signal JOIN process ON process.id = signal.process_id
	WHERE process.pid = :pid AND signal.fatal = 1 ORDER BY signal.time_ns DESC, signal.id LIMIT 1
)
SELECT (death.time_ns - marker.enter_ns) / 1e6 AS before_ms,
	date_of(marker.enter_ns, death.recording_id) AS date,
	marker.tid AS tid,
	marker.tid = death.tid AS crashed,
	v_marker.number AS number,
	marker.text AS text,
	marker.option AS option,
	coalesce(symbol(marker.space_id, marker.ip, marker.enter_ns), addr(marker.ip)) AS place,
	marker.id AS marker
FROM death
JOIN marker ON marker.space_id = death.space_id
JOIN v_marker ON v_marker.id = marker.id
WHERE marker.enter_ns >= death.time_ns - :seconds * 1000000000
ORDER BY marker.enter_ns, marker.id
