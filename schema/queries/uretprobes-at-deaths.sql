-- SPDX-License-Identifier: MIT
-- Question: Which uretprobes were pending in processes that died, and who held them?
-- Column: date: of the death, UTC.
-- Column: pid: process that died.
-- Column: comm: its thread's name.
-- Column: death: the signal, or the exit status.
-- Column: tid: thread in which the uretprobe was pending.
-- Column: depth: 0 is the innermost of that thread.
-- Column: function: the probed function, by the files of this host, else file and offset.
-- Column: returns_to: where it would have returned: what stood on the stack before the kernel replaced it.
-- Column: holder_pid: process that held the probe; NULL where the ledger does not tell.
-- Column: holder: its command name.
-- Column: held: certain, or possible where the ledger cannot tell that it was there at that moment.
-- Example: corelate sql uretprobes-at-deaths
WITH death AS (
	SELECT signal.id AS signal_id, 0 AS exit_state_id, signal.process_id AS process_id,
		signal.space_id AS space_id, signal.time_ns AS time_ns, signal.comm AS comm,
		signal_name(signal.number) AS death
	FROM signal WHERE signal.fatal = 1
	UNION ALL
	SELECT 0, exit_state.id, exit_state.process_id, exit_state.space_id, exit_state.time_ns, exit_state.comm,
		'exit ' || (exit_state.status >> 8 & 255)
	FROM exit_state
)
SELECT date_of(death.time_ns, process.recording_id) AS date,
	process.pid AS pid,
	death.comm AS comm,
	death.death AS death,
	pending.tid AS tid,
	pending.depth AS depth,
	coalesce(symbol(death.space_id, pending.function, death.time_ns), addr(pending.function)) AS function,
	coalesce(symbol(death.space_id, pending.return_address, death.time_ns),
		addr(pending.return_address)) AS returns_to,
	nullif(probe.holder_pid, 0) AS holder_pid,
	nullif(probe.holder_comm, '') AS holder,
	CASE WHEN probe.id IS NULL THEN NULL
		WHEN max(probe.attached_ns, probe.first_seen_ns) <= death.time_ns AND death.time_ns <= probe.last_seen_ns
		THEN 'certain' ELSE 'possible' END AS held
FROM return_instance AS pending
JOIN death ON death.signal_id = pending.signal_id AND death.exit_state_id = pending.exit_state_id
JOIN process ON process.id = death.process_id
LEFT JOIN probe ON probe.recording_id = process.recording_id AND probe.inode = pending.inode
	AND probe.offset = pending.offset AND probe.device_major = pending.device_major
	AND probe.device_minor = pending.device_minor AND probe.at_return = 1
	AND probe.only_pid IN (0, -1, process.pid)
	AND (probe.attached_ns = 0 OR probe.attached_ns <= death.time_ns)
	AND (probe.gone_ns = 0 OR probe.gone_ns >= death.time_ns)
ORDER BY death.time_ns DESC, pending.tid, pending.depth, held
