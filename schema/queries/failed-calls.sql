-- SPDX-License-Identifier: MIT
-- Question: Which memory calls failed, with which error, and where?
-- Parameter: limit number = 50: how many call sites.
-- Column: calls: how many.
-- Column: call: the system call.
-- Column: error: its errno by name.
-- Column: comm: command name.
-- Column: pid: process.
-- Column: caller: where it was called.
-- Column: largest: the greatest length that was asked for, in bytes.
-- Column: first: date of the first, UTC.
-- Column: last: date of the last.
-- Column: event: event.id of the last.
-- Example: corelate sql failed-calls
--
-- brk does not tell an error: it returns the end that it left where it was, which counts as ENOMEM here.
WITH failed AS (
	SELECT space_id, kind, top_word, ip,
		CASE WHEN kind = 8 THEN -12 ELSE result END AS result,
		count(*) AS calls, min(enter_ns) AS first, max(enter_ns) AS last, max(id) AS last_id,
		max(CASE kind WHEN 2 THEN a1 WHEN 4 THEN a2 WHEN 8 THEN a0 - a1 ELSE a1 END) AS largest
	FROM event
	WHERE (kind NOT IN (1, 8) AND result BETWEEN -4095 AND -1) OR (kind = 8 AND a0 > a1 AND result = a1)
	GROUP BY space_id, kind, top_word, ip, 5
)
SELECT failed.calls AS calls,
	memory_kind.name AS call,
	errno_name(failed.result) AS error,
	space.comm AS comm,
	process.pid AS pid,
	coalesce(symbol(failed.space_id, failed.top_word, failed.last),
		symbol(failed.space_id, failed.ip, failed.last), addr(failed.ip)) AS caller,
	failed.largest AS largest,
	date_of(failed.first, process.recording_id) AS first,
	date_of(failed.last, process.recording_id) AS last,
	failed.last_id AS event
FROM failed
JOIN space ON space.id = failed.space_id
JOIN process ON process.id = space.process_id
LEFT JOIN memory_kind ON memory_kind.kind = failed.kind
ORDER BY calls DESC, event DESC
LIMIT :limit
