-- SPDX-License-Identifier: MIT
-- Rule: a heap call's entry is not after its return, and it began in the life of its address space
SELECT process.recording_id, 'heap', heap.id,
	printf('heap call %d of process %d (pid %d, %s): %d, for %d, its address space from %d to %d', heap.id, process.id, pid,
		process.comm, enter_ns, duration_ns, from_ns, to_ns)
FROM heap
JOIN space ON space.id = space_id
JOIN process ON process.id = process_id
JOIN recording ON recording.id = recording_id
-- -1: its return was not seen
-- a space with a sharer is in use after the end of the process that it was made for
WHERE duration_ns < -1 OR enter_ns < start_ns OR (to_ns > 0 AND enter_ns > to_ns AND space.id NOT IN (SELECT space_id FROM space_sharer))
	OR (recording.ended_ns > 0 AND enter_ns + duration_ns > recording.ended_ns)
