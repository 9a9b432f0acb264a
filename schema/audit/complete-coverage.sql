-- SPDX-License-Identifier: MIT
-- Rule: where functions were probed, each process says from when on its calls were seen
SELECT recording_id, 'process', process.id,
	printf('process %d (pid %d, %s): nothing says from when on its calls were recorded', process.id, pid, comm)
FROM process
JOIN recording ON recording.id = recording_id
-- a recording that is not over may still tell
WHERE recording.ended_ns > 0
	AND recording_id IN (SELECT recording_id FROM function)
	AND NOT EXISTS (SELECT 1 FROM probe_coverage
		WHERE probe_coverage.recording_id = process.recording_id AND process_id IN (0, process.id))
