-- SPDX-License-Identifier: MIT
-- Rule: a marker's entry is not after its return, which lies in the life of its address space
SELECT process.recording_id, 'marker', marker.id,
	printf('marker %d of process %d (pid %d, %s): %d to %d, its address space from %d to %d', marker.id, process.id, pid,
		process.comm, enter_ns, marker.exit_ns, from_ns, to_ns)
FROM marker
JOIN space ON space.id = space_id
JOIN process ON process.id = process_id
JOIN recording ON recording.id = recording_id
-- a space with a sharer is in use after the end of the process that it was made for
WHERE marker.exit_ns < enter_ns OR enter_ns = 0 OR marker.exit_ns < from_ns
	OR (to_ns > 0 AND marker.exit_ns > to_ns AND space.id NOT IN (SELECT space_id FROM space_sharer))
	OR (recording.ended_ns > 0 AND marker.exit_ns > recording.ended_ns)
