-- SPDX-License-Identifier: MIT
-- Rule: a signal comes within the life of its process
SELECT process.recording_id, 'signal', signal.id,
	printf('signal %d of process %d (pid %d, %s): %d, the process from %d to %d', signal.id, process.id, pid, process.comm,
		time_ns, start_ns, exit_ns)
FROM signal
JOIN process ON process.id = process_id
WHERE time_ns < start_ns OR (exit_ns > 0 AND time_ns > exit_ns)
