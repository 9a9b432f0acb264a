-- SPDX-License-Identifier: MIT
-- Question: Which processes ended themselves with an error while uretprobes were at work in them?
-- Column: date: UTC.
-- Column: pid: process.
-- Column: comm: name of the thread that called exit.
-- Column: status: exit status.
-- Column: pending: uretprobes that were pending in it.
-- Column: place: where exit was called.
-- Column: exit: exit_state.id.
-- Example: corelate sql exits-under-uretprobes
--
-- A runtime whose unwinder meets a uretprobe may end so: no signal, no core.
SELECT v_exit.date AS date,
	v_exit.pid AS pid,
	v_exit.comm AS comm,
	v_exit.status AS status,
	v_exit.pending_uretprobes AS pending,
	coalesce(symbol(exit_state.space_id, exit_state.rip, exit_state.time_ns), addr(exit_state.rip)) AS place,
	v_exit.id AS exit
FROM v_exit JOIN exit_state ON exit_state.id = v_exit.id
ORDER BY v_exit.id DESC
