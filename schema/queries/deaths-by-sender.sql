-- SPDX-License-Identifier: MIT
-- Question: Which processes were killed by another process, and by which?
-- Column: sender_pid: process that sent the signal.
-- Column: sender: its command name, if it was recorded; NULL otherwise.
-- Column: sender_uid: its user, by the signal's own word.
-- Column: signal: that it sent.
-- Column: deaths: processes that died of it.
-- Column: victims: their command names.
-- Column: first: date of the first, UTC.
-- Column: last: date of the last.
-- Column: last_pid: process that died last.
-- Example: corelate sql deaths-by-sender
--
-- Signals that a process sent to itself (abort, raise) are left out. So is what cannot name its sender, such as SIGSEGV
-- from the processor. The sender's name is that of the process which last had that pid before the signal.
SELECT signal.sender_pid AS sender_pid,
	(SELECT sender.comm FROM process AS sender
		WHERE sender.recording_id = process.recording_id AND sender.pid = signal.sender_pid
			AND sender.first_seen_ns <= signal.time_ns
		ORDER BY sender.first_seen_ns DESC LIMIT 1) AS sender,
	signal.sender_uid AS sender_uid,
	signal_name(signal.number) AS signal,
	count(DISTINCT signal.process_id) AS deaths,
	group_concat(DISTINCT process.comm) AS victims,
	date_of(min(signal.time_ns), process.recording_id) AS first,
	date_of(max(signal.time_ns), process.recording_id) AS last,
	process.pid AS last_pid
FROM signal JOIN process ON process.id = signal.process_id
WHERE signal.fatal = 1 AND signal.code <= 0 AND signal.sender_pid > 0
	AND signal.sender_pid NOT IN (process.pid, process.namespace_pid)
GROUP BY process.recording_id, signal.sender_pid, sender, signal.number
ORDER BY deaths DESC, last DESC
