-- SPDX-License-Identifier: MIT
-- Rule: no recording has more rows of events than it stored events
WITH counted (space_id, number) AS (
	SELECT space_id, count(*) FROM event GROUP BY 1
	UNION ALL SELECT space_id, count(*) FROM heap GROUP BY 1
	UNION ALL SELECT space_id, count(*) FROM call GROUP BY 1
	UNION ALL SELECT space_id, count(*) FROM syscall GROUP BY 1
	UNION ALL SELECT space_id, count(*) FROM marker GROUP BY 1
	UNION ALL SELECT space_id, count(*) FROM signal GROUP BY 1)
SELECT recording.id, 'recording', recording.id,
	printf('recording %d: %d rows of events, and %d events were stored', recording.id, sum(number), recording.stored)
FROM counted
JOIN space ON space.id = space_id
JOIN process ON process.id = space.process_id
JOIN recording ON recording.id = process.recording_id
WHERE recording.ended_ns > 0
GROUP BY recording.id
HAVING sum(number) > recording.stored
