-- SPDX-License-Identifier: MIT
-- Question: What was lost, when and why?
-- Parameter: limit number = 50: how many gaps, the largest first.
-- Column: lost: events; NULL where they could not be counted.
-- Column: cause: why.
-- Column: since: begin of the span in which it happened, UTC.
-- Column: until: its end; NULL for one without an end.
-- Column: pid: the process that it concerns; NULL where it may concern any.
-- Column: comm: command name of that process.
-- Column: recording_id: recording.id.
-- Column: gap: gap.id.
-- Example: corelate sql gaps
--
-- Nothing in the database says what did not happen in such a span.
SELECT v_gap.lost AS lost,
	v_gap.cause AS cause,
	v_gap.since AS since,
	v_gap.until AS until,
	v_gap.pid AS pid,
	(SELECT process.comm FROM process WHERE process.recording_id = v_gap.recording_id AND process.pid = v_gap.pid
		ORDER BY process.id DESC LIMIT 1) AS comm,
	v_gap.recording_id AS recording_id,
	v_gap.id AS gap
FROM v_gap
ORDER BY v_gap.lost IS NOT NULL, v_gap.lost DESC, v_gap.id
LIMIT :limit
