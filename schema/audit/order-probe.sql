-- SPDX-License-Identifier: MIT
-- Rule: a held probe was seen before it was gone
SELECT recording_id, 'probe', id,
	printf('probe %d: first seen %d, last seen %d, gone %d', id, first_seen_ns, last_seen_ns, gone_ns)
FROM probe
WHERE last_seen_ns < first_seen_ns OR (gone_ns > 0 AND gone_ns < last_seen_ns)
