-- SPDX-License-Identifier: MIT
-- Question: Which processes were seen, what did they do, and how did they end?
-- Parameter: comm text optional: command name.
-- Parameter: limit number = 100: how many, the newest.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: executable: the program that it ran last.
-- Column: started: UTC.
-- Column: ended: NULL while alive, or when its end was not seen.
-- Column: status: exit status or signal in words.
-- Column: threads: births of threads that were seen.
-- Column: fatal_signal: that it died of, with its code.
-- Column: uid: real user when last seen.
-- Column: parent_pid: process that made it; 0 when not known.
-- Column: process: process.id.
-- Example: corelate sql processes
SELECT v_process.pid AS pid,
	v_process.comm AS comm,
	v_process.executable AS executable,
	v_process.started AS started,
	v_process.ended AS ended,
	v_process.status AS status,
	(SELECT count(*) FROM thread_start WHERE thread_start.process_id = v_process.id) AS threads,
	(SELECT v_crash.signal || ' ' || v_crash.code FROM signal JOIN v_crash ON v_crash.id = signal.id
		WHERE signal.fatal = 1 AND signal.process_id = v_process.id LIMIT 1) AS fatal_signal,
	v_process.last_uid AS uid,
	v_process.parent_pid AS parent_pid,
	v_process.id AS process
FROM v_process
WHERE :comm IS NULL OR v_process.comm = :comm
ORDER BY v_process.id DESC
LIMIT :limit
