-- SPDX-License-Identifier: MIT
-- Rule: an address space begins before it ends, and lies within the life of its process
SELECT process.recording_id, 'space', space.id,
	printf('address space %d of process %d (pid %d, %s): from %d to %d, the process from %d to %d', space.id, process.id, pid,
		process.comm, from_ns, to_ns, start_ns, exit_ns)
-- a fork begins with its call, before the process is there, and after the space that it copies
FROM space
JOIN process ON process.id = space.process_id
WHERE (to_ns > 0 AND to_ns < from_ns) OR (from_ns < start_ns AND origin <> 2)
	OR (origin = 2 AND from_ns < (SELECT parent.from_ns FROM space AS parent WHERE parent.id = space.parent_space_id))
	OR (exit_ns > 0 AND max(from_ns, to_ns) > exit_ns)
