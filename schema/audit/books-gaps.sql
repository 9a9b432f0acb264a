-- SPDX-License-Identifier: MIT
-- Rule: the gaps of a recording add up to what it lost
SELECT id, 'recording', id, printf('recording %d: %d events were lost, and its gaps tell of %d', id, lost, told)
FROM (SELECT recording.*,
		(SELECT coalesce(sum(gap.lost), 0) FROM gap WHERE gap.recording_id = recording.id) AS told
	FROM recording)
WHERE ended_ns > 0 AND lost <> told
