-- SPDX-License-Identifier: MIT
-- Question: Which files were made shorter while a process had them mapped?
-- Column: date: of the truncation, UTC.
-- Column: path: file.
-- Column: how: the call that did it.
-- Column: by_pid: process that did it.
-- Column: by_comm: name of its thread.
-- Column: old_bytes: size before; NULL when not known.
-- Column: new_bytes: size after.
-- Column: pid: process that had it mapped.
-- Column: comm: command name.
-- Column: range: the mapping.
-- Column: beyond_bytes: how much of that mapping lies beyond the new end, in whole pages: touching it is SIGBUS.
-- Column: died: how that process ended, if it was seen.
-- Column: truncation: truncation.id.
-- Example: corelate sql truncated-while-mapped
WITH cut AS MATERIALIZED (
	SELECT truncation.*, file.device_major AS device_major, file.device_minor AS device_minor, file.inode AS inode
	FROM truncation JOIN file ON file.id = truncation.file_id
)
SELECT date_of(cut.exit_ns, cut.recording_id) AS date,
	file.path AS path,
	truncation_how.name AS how,
	cut.pid AS by_pid,
	cut.comm AS by_comm,
	CASE WHEN cut.old_bytes >= 0 THEN cut.old_bytes END AS old_bytes,
	cut.new_bytes AS new_bytes,
	process.pid AS pid,
	space.comm AS comm,
	addr(life.start) || '-' || addr(life."end") AS range,
	max(0, min(life."end" - life.start,
		made.a5 + (life."end" - CASE made.kind WHEN 1 THEN made.a0 ELSE made.result END)
			- page_ceil(cut.new_bytes))) AS beyond_bytes,
	CASE WHEN process.exit_ns > 0 AND process.exit_status & 127 THEN signal_name(process.exit_status & 127)
		WHEN process.exit_ns > 0 THEN 'exit ' || (process.exit_status >> 8 & 255) END AS died,
	cut.id AS truncation
FROM mapping_life AS life
CROSS JOIN event AS made ON made.id = life.made_event
JOIN file ON file.id = life.file_id
JOIN cut ON cut.device_major = file.device_major AND cut.device_minor = file.device_minor AND cut.inode = file.inode
JOIN space ON space.id = life.space_id
JOIN process ON process.id = space.process_id AND process.recording_id = cut.recording_id
LEFT JOIN event AS gone ON gone.id = life.gone_event
LEFT JOIN truncation_how ON truncation_how.how = cut.how
WHERE life.file_id IS NOT NULL AND made.kind IN (1, 2) AND made.enter_ns < cut.exit_ns
	AND (gone.id IS NULL OR gone.enter_ns > cut.enter_ns)
	AND (space.to_ns = 0 OR space.to_ns > cut.enter_ns)
ORDER BY cut.exit_ns DESC, cut.id, beyond_bytes DESC
