-- SPDX-License-Identifier: MIT
-- Files that lost contents while somebody may have had them mapped.

CREATE TABLE truncation (
	-- A call that made a file shorter, or emptied a part of it: by any process of the host, of a file that a recorded
	-- process mapped or executed. Permanent.
	id INTEGER PRIMARY KEY,
	recording_id INTEGER NOT NULL, -- recording.id
	file_id INTEGER NOT NULL,      -- file.id; 0 when only the path is known (truncate)
	path TEXT NOT NULL,            -- as truncate was given it, which may be relative; empty for the other calls
	how INTEGER NOT NULL,          -- truncation_how.how
	pid INTEGER NOT NULL,          -- process that did it, recorded or not, in the initial pid namespace
	tid INTEGER NOT NULL,          -- its thread
	uid INTEGER NOT NULL,          -- real user id
	comm TEXT NOT NULL,            -- name of the thread, at most 15 bytes
	enter_ns INTEGER NOT NULL,     -- ns; equal to exit_ns where only the return was seen (open, truncate)
	exit_ns INTEGER NOT NULL,      -- ns; its return
	old_bytes INTEGER NOT NULL,    -- bytes; size before; -1 when not known
	new_bytes INTEGER NOT NULL,    -- bytes; size after
	offset INTEGER NOT NULL,       -- bytes; what fallocate emptied or took out begins here
	length INTEGER NOT NULL,       -- bytes; and is that long; 0 for the other calls
	ip INTEGER NOT NULL,           -- address in that process; just after the system call instruction
	sp INTEGER NOT NULL,           -- address in that process; the stack pointer there
	top_word INTEGER NOT NULL      -- the word at [sp]; 0 when not read
) STRICT;

CREATE INDEX truncation_file ON truncation (file_id);

CREATE TABLE truncation_how (
	-- Names of truncation.how. Constant.
	how INTEGER PRIMARY KEY,
	name TEXT NOT NULL
) STRICT;

INSERT INTO truncation_how (how, name) VALUES
	(1, 'open with O_TRUNC'),
	(2, 'ftruncate'),
	(3, 'truncate'),
	(4, 'fallocate, emptying a range'),
	(5, 'fallocate, taking a range out');

CREATE VIEW v_truncation AS
-- Who made which file shorter, with dates.
SELECT truncation.id AS id,
	datetime((truncation.exit_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (truncation.exit_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
	truncation.exit_ns / 1e9 AS seconds,
	coalesce(file.path, truncation.path) AS path,
	coalesce(truncation_how.name, 'unknown') AS how,
	truncation.pid AS pid,
	truncation.tid AS tid,
	truncation.comm AS comm,
	CASE WHEN truncation.old_bytes >= 0 THEN truncation.old_bytes END AS old_bytes,
	truncation.new_bytes AS new_bytes
FROM truncation
LEFT JOIN recording ON recording.id = truncation.recording_id
LEFT JOIN truncation_how ON truncation_how.how = truncation.how
LEFT JOIN file ON file.id = truncation.file_id;
