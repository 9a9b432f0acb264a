-- SPDX-License-Identifier: MIT
-- What makes the rows of a record complete.

-- Real user id when last seen: at its latest exec, its fatal signal, its end; NULL in rows of recorders before version 9.
ALTER TABLE process ADD COLUMN last_uid INTEGER;

DROP VIEW v_process;
CREATE VIEW v_process AS
-- Processes with dates and the exit status in words ("exit 5", "signal 11"); NULL while alive.
SELECT process.id AS id, -- process.id
	process.recording_id AS recording_id, -- recording.id
	process.pid AS pid, -- in the initial pid namespace
	process.namespace_pid AS namespace_pid, -- in its own pid namespace; a core names this one
	process.parent_pid AS parent_pid, -- pid of the parent; 0 when not known
	process.uid AS uid, -- real user id when first seen
	process.comm AS comm, -- command name
	(SELECT file.path FROM space JOIN file ON file.id = space.executable_file_id
		WHERE space.process_id = process.id ORDER BY space.id DESC LIMIT 1) AS executable,
		-- path of the program that it ran last; NULL when not known
	datetime((process.start_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch') AS started,
		-- UTC; start of its first thread
	CASE WHEN process.exit_ns > 0
		THEN datetime((process.exit_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch') END AS ended,
		-- UTC; NULL while alive, or when its end was not seen
	CASE WHEN process.exit_ns = 0 THEN NULL
		WHEN process.exit_status & 0x7f = 0 THEN printf('exit %d', (process.exit_status >> 8) & 0xff)
		ELSE printf('signal %d', process.exit_status & 0x7f) END AS status,
		-- in words: "exit 5", "signal 11"; NULL while alive
	CASE WHEN process.exit_ns > 0 THEN process.exit_status & 0x80 <> 0 END AS dumped_core,
		-- 1 when the kernel says that it left a core; NULL while alive
	coalesce(process.last_uid, process.uid) AS last_uid
		-- real user id when last seen: at its latest exec, its fatal signal, its end
FROM process
LEFT JOIN recording ON recording.id = process.recording_id;
