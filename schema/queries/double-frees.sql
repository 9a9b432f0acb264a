-- SPDX-License-Identifier: MIT
-- Question: Which blocks were given back twice?
-- Parameter: pid number optional: of this process alone.
-- Column: date: of the second free, UTC.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: block: address.
-- Column: tid: thread that gave it back again.
-- Column: caller: where.
-- Column: first_date: when it was given back before.
-- Column: first_tid: thread that did.
-- Column: first_caller: where.
-- Column: lost_between: events that may concern the process and were lost between the two; the call that handed the
--   block out again may be among them. -1 where they could not be counted.
-- Column: hole: why not every call of the allocator can be seen; NULL when every one can.
-- Column: first_call: heap.id.
-- Column: call: heap.id.
-- Example: corelate sql double-frees
--
-- Needs a recording of the heap (corelate record --heap). A free inside operator delete counts once.
SELECT date_of(second.enter_ns, process.recording_id) AS date,
	process.pid AS pid,
	space.comm AS comm,
	addr(again.block) AS block,
	second.tid AS tid,
	coalesce(symbol(second.space_id, second.top_word, second.enter_ns), addr(second.top_word)) AS caller,
	date_of(first.enter_ns, process.recording_id) AS first_date,
	first.tid AS first_tid,
	coalesce(symbol(first.space_id, first.top_word, first.enter_ns), addr(first.top_word)) AS first_caller,
	lost_between(second.space_id, first.enter_ns, second.enter_ns) AS lost_between,
	(SELECT function.hole FROM function WHERE function.recording_id = process.recording_id
		AND function.role BETWEEN 1 AND 9 AND function.hole <> '' LIMIT 1) AS hole,
	first.id AS first_call,
	second.id AS call
FROM free_again AS again
CROSS JOIN heap AS second ON second.id = again.call
CROSS JOIN heap AS first ON first.id = again.earlier_call
JOIN space ON space.id = again.space_id
JOIN process ON process.id = space.process_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY second.id DESC
