-- SPDX-License-Identifier: MIT
-- Rule: the address spaces of a process that has ended have ended
SELECT process.recording_id, 'space', space.id,
	printf('address space %d of process %d (pid %d, %s) has no end, and its process has one', space.id, process.id, pid,
		process.comm)
FROM space
JOIN process ON process.id = space.process_id
WHERE space.to_ns = 0 AND process.exit_ns > 0
