-- SPDX-License-Identifier: MIT
-- Rule: a pid has one owner at a time, as far as no gap hides an end
SELECT recording_id, 'process', id,
	printf('process %d (pid %d, %s) %s when process %d began with the same pid', id, pid, comm,
		iif(exit_ns = 0, 'had not ended', 'had yet to end'), next_id)
FROM (SELECT *, lead(id) OVER life AS next_id, lead(start_ns) OVER life AS next_ns
	FROM process
	WINDOW life AS (PARTITION BY recording_id, pid ORDER BY start_ns, id)) AS owner
WHERE next_ns > start_ns AND (exit_ns > next_ns
	OR (exit_ns = 0 AND NOT EXISTS (SELECT 1 FROM gap
		WHERE gap.recording_id = owner.recording_id AND gap.pid IN (0, owner.pid) AND gap.to_ns >= first_seen_ns)))
