-- SPDX-License-Identifier: MIT
-- Rule: what was emitted was stored or lost
SELECT id, 'recording', id,
	printf('recording %d: %d events were emitted, %d stored and %d lost', id, emitted, stored, lost)
FROM recording
WHERE ended_ns > 0 AND emitted <> stored + lost
