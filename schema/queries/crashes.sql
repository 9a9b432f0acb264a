-- SPDX-License-Identifier: MIT
-- Question: Which programs crashed how often, by what and where?
-- Parameter: days number = 30: how far back, from the newest moment that the database knows.
-- Column: crashes: how many.
-- Column: comm: name of the thread that died.
-- Column: executable: the program.
-- Column: signal: that killed it.
-- Column: code: why, by the signal's own word.
-- Column: place: function or file offset of the instruction at which it died; an address in no file as it is.
-- Column: first: date of the first, UTC.
-- Column: last: date of the last.
-- Column: last_pid: process of the last; corelate explain takes it.
-- Example: corelate sql crashes 7
--
-- This groups by where crashes were seen, which is all that the database knows: corelate list --group explains them and
-- groups them by what caused them.
SELECT count(*) AS crashes,
	v_crash.comm AS comm,
	v_process.executable AS executable,
	v_crash.signal AS signal,
	v_crash.code AS code,
	coalesce(symbol(signal.space_id, signal.rip, signal.time_ns), addr(signal.rip)) AS place,
	min(v_crash.date) AS first,
	max(v_crash.date) AS last,
	v_crash.pid AS last_pid
FROM v_crash
JOIN signal ON signal.id = v_crash.id
JOIN v_process ON v_process.id = signal.process_id
JOIN recording ON recording.id = v_process.recording_id
WHERE signal.time_ns + recording.realtime_offset_ns
	>= (SELECT max(last_commit_ns + realtime_offset_ns) FROM recording) - :days * 86400000000000
GROUP BY v_crash.comm, v_process.executable, v_crash.signal, v_crash.code, place
ORDER BY crashes DESC, last DESC
