-- SPDX-License-Identifier: MIT
-- Question: Which processes change their mappings most, and how?
-- Parameter: limit number = 20: how many processes.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: events: recorded memory calls.
-- Column: a_second: of them, over the time from the first to the last.
-- Column: mmap: calls.
-- Column: munmap: calls.
-- Column: mprotect: calls, pkey_mprotect as well.
-- Column: mremap: calls.
-- Column: brk: calls.
-- Column: madvise: calls that were recorded.
-- Column: share: of all memory events in the database, in percent.
-- Column: space_id: address space.
-- Example: corelate sql busiest
SELECT process.pid AS pid,
	space.comm AS comm,
	count(*) AS events,
	CASE WHEN max(event.enter_ns) > min(event.enter_ns)
		THEN round(count(*) * 1e9 / (max(event.enter_ns) - min(event.enter_ns)), 1) END AS a_second,
	sum(event.kind = 2) AS mmap,
	sum(event.kind = 3) AS munmap,
	sum(event.kind IN (5, 6)) AS mprotect,
	sum(event.kind = 4) AS mremap,
	sum(event.kind = 8) AS brk,
	sum(event.kind = 7) AS madvise,
	round(100.0 * count(*) / (SELECT count(*) FROM event), 1) AS share,
	event.space_id AS space_id
FROM event
JOIN space ON space.id = event.space_id
JOIN process ON process.id = space.process_id
WHERE event.kind <> 1
GROUP BY event.space_id
ORDER BY events DESC
LIMIT :limit
