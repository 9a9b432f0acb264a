-- SPDX-License-Identifier: MIT
-- Question: Who held uprobes and uretprobes while the recorder ran?
-- Column: holder: command name; NULL when nobody is known to (a probe that tracefs defines).
-- Column: holder_pid: process.
-- Column: cgroup: path of its cgroup; NULL when not known.
-- Column: how: perf event, BPF link or tracefs.
-- Column: uprobes: how many.
-- Column: uretprobes: how many.
-- Column: files: how many different files.
-- Column: example: one of the files.
-- Column: first: date of the first sight of one, UTC.
-- Column: last: date of the last sight of one.
-- Column: gone: 1 when all of them were seen to be gone.
-- Example: corelate sql probe-holders
SELECT nullif(probe.holder_comm, '') AS holder,
	nullif(probe.holder_pid, 0) AS holder_pid,
	nullif(probe.holder_cgroup, '') AS cgroup,
	probe_how.name AS how,
	sum(1 - probe.at_return) AS uprobes,
	sum(probe.at_return) AS uretprobes,
	count(DISTINCT probe.path) AS files,
	min(probe.path) AS example,
	min(date_of(probe.first_seen_ns, probe.recording_id)) AS first,
	max(date_of(probe.last_seen_ns, probe.recording_id)) AS last,
	min(probe.gone_ns > 0) AS gone
FROM probe LEFT JOIN probe_how ON probe_how.how = probe.how
GROUP BY probe.recording_id, probe.holder_pid, probe.holder_start_ns, probe.holder_comm, probe.how
ORDER BY uretprobes DESC, uprobes DESC
