-- SPDX-License-Identifier: MIT
-- Question: What did the calls of a probed function take and return?
-- Parameter: function text: its name, as corelate record --probe gave it.
-- Parameter: limit number = 100: how many calls, the newest.
-- Column: date: UTC.
-- Column: pid: process.
-- Column: tid: thread.
-- Column: comm: command name.
-- Column: arguments: those that the function was said to have, after its signature.
-- Column: result: what it returned; NULL when no return was seen.
-- Column: microseconds: from entry to return.
-- Column: caller: where it was called.
-- Column: call: call.id.
-- Example: corelate sql calls inventory_put
SELECT v_call.date AS date,
	v_call.pid AS pid,
	v_call.tid AS tid,
	v_call.comm AS comm,
	nullif(function.signature, '') || ': ' || v_call.a0 || ', ' || v_call.a1 || ', ' || v_call.a2 || ', '
		|| v_call.a3 || ', ' || v_call.a4 || ', ' || v_call.a5 AS arguments,
	v_call.result AS result,
	v_call.microseconds AS microseconds,
	coalesce(symbol(call.space_id, call.top_word, call.enter_ns), addr(call.top_word)) AS caller,
	call.id AS call
FROM call
JOIN function ON function.id = call.function_id
JOIN v_call ON v_call.id = call.id
WHERE function.name = :function
ORDER BY call.id DESC
LIMIT :limit
