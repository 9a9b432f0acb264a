-- SPDX-License-Identifier: MIT
-- Rule: a recording that nobody ended says so with a gap
SELECT id, 'recording', id,
	printf('recording %d: it has no end, another began after it, and no gap says that it was cut off', id)
FROM recording
WHERE ended_ns = 0 AND id < (SELECT max(id) FROM recording)
	AND NOT EXISTS (SELECT 1 FROM gap WHERE gap.recording_id = recording.id AND gap.cause = 7)
