-- SPDX-License-Identifier: MIT
-- Rule: an address space has a begin, and one that exec made has its program
SELECT process.recording_id, 'space', space.id,
	printf('address space %d of process %d (pid %d, %s) lacks%s', space.id, process.id, pid, process.comm, missing)
FROM (SELECT *,
		iif(from_ns = 0, ' from_ns', '') || iif(origin = 1 AND executable_file_id = 0, ' executable_file_id', '')
		|| iif(origin = 1 AND auxv_random = 0, ' auxv_random', '') AS missing
	FROM space) AS space
JOIN process ON process.id = space.process_id
WHERE missing <> ''
