-- SPDX-License-Identifier: MIT
-- Rule: a process has one row in a recording
SELECT recording_id, 'process', max(id), printf('pid %d, start %d: %d rows of one process', pid, start_ns, count(*))
FROM process
WHERE start_ns > 0
GROUP BY recording_id, pid, start_ns
HAVING count(*) > 1
