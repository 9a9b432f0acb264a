-- SPDX-License-Identifier: MIT
-- Question: Which close of a descriptor failed, because another call had closed it before?
-- Parameter: pid number optional: of this process alone.
-- Column: date: when the close failed, UTC.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: tid: thread that closed it in vain.
-- Column: descriptor: its number.
-- Column: caller: where that was called.
-- Column: first_date: when it had been closed before, UTC; NULL when that was not recorded.
-- Column: first_tid: thread that did.
-- Column: first_caller: where that was called.
-- Column: lost_between: events of the process that were lost between the two; -1: a number that is not known.
-- Column: first_call: syscall.id.
-- Column: call: syscall.id.
-- Example: corelate sql closed-twice
--
-- Needs corelate record --calls. A second close that succeeds has closed what somebody else opened meanwhile; opening is
-- not recorded.
WITH failed AS (
	SELECT call.*, (SELECT max(earlier.id) FROM syscall AS earlier
		WHERE earlier.space_id = call.space_id AND earlier.number = 3 AND earlier.a0 = call.a0
			AND earlier.result = 0 AND earlier.id < call.id) AS first_id
	FROM syscall AS call
	WHERE call.number = 3 AND call.result = -9
)
SELECT date_of(failed.enter_ns, process.recording_id) AS date,
	process.pid AS pid,
	space.comm AS comm,
	failed.tid AS tid,
	failed.a0 AS descriptor,
	coalesce(symbol(failed.space_id, failed.top_word, failed.enter_ns),
		symbol(failed.space_id, failed.ip, failed.enter_ns), addr(failed.ip)) AS caller,
	date_of(first.enter_ns, process.recording_id) AS first_date,
	first.tid AS first_tid,
	coalesce(symbol(first.space_id, first.top_word, first.enter_ns),
		symbol(first.space_id, first.ip, first.enter_ns), addr(first.ip)) AS first_caller,
	lost_between(failed.space_id, coalesce(first.enter_ns, 0), failed.enter_ns) AS lost_between,
	first.id AS first_call,
	failed.id AS call
FROM failed
LEFT JOIN syscall AS first ON first.id = failed.first_id
JOIN space ON space.id = failed.space_id
JOIN process ON process.id = space.process_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY failed.id DESC
