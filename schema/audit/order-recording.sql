-- SPDX-License-Identifier: MIT
-- Rule: a recording begins before it ends
SELECT id, 'recording', id,
	printf('recording %d: begun %d, last commit %d, ended %d', id, started_ns, last_commit_ns, ended_ns)
FROM recording
WHERE ended_ns > 0 AND (ended_ns < started_ns OR last_commit_ns > ended_ns)
