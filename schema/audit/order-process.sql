-- SPDX-License-Identifier: MIT
-- Rule: a process starts before it is seen, and is seen before it ends
SELECT recording_id, 'process', process.id,
	printf('process %d (pid %d, %s): start %d, first seen %d, end %d', process.id, pid, comm, start_ns, first_seen_ns, exit_ns)
FROM process
JOIN recording ON recording.id = recording_id
WHERE start_ns > first_seen_ns OR (exit_ns > 0 AND exit_ns < first_seen_ns)
	OR (recording.ended_ns > 0 AND exit_ns > recording.ended_ns)
