-- SPDX-License-Identifier: MIT
-- Rule: a gap begins before it ends
SELECT recording_id, 'gap', id, printf('gap %d: from %d to %d', id, from_ns, to_ns)
FROM gap
WHERE to_ns < from_ns OR from_ns = 0
