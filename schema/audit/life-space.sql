-- SPDX-License-Identifier: MIT
-- Rule: a process has one address space at a time
SELECT process.recording_id, 'space', space.id,
	printf('address space %d of process %d (pid %d, %s) %s when the next one began', space.id, process.id, pid, process.comm,
		iif(to_ns = 0, 'had not ended', 'had yet to end'))
FROM (SELECT *, lead(from_ns) OVER (PARTITION BY process_id ORDER BY id) AS next_ns FROM space) AS space
JOIN process ON process.id = process_id
WHERE next_ns IS NOT NULL AND (to_ns = 0 OR to_ns > next_ns)
