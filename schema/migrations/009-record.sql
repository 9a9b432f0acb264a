-- SPDX-License-Identifier: MIT
-- What makes the rows of a record complete; address spaces that several processes use; calls that failed and acted.

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

CREATE TABLE space_sharer (
	-- A process that uses the address space of another one (CLONE_VM, vfork), until it begins a new program, which makes it
	-- a row in space, or ends. What was lost of it was lost of the space. Permanent.
	id INTEGER PRIMARY KEY,
	space_id INTEGER NOT NULL,   -- space.id
	process_id INTEGER NOT NULL, -- process.id of the one that shares it
	from_ns INTEGER NOT NULL     -- ns; since when
) STRICT;

CREATE INDEX space_sharer_space ON space_sharer (space_id);

DROP VIEW v_effect;
CREATE VIEW v_effect AS
-- What each memory event did to its address space, as half-open ranges of whole pages; NULL for an empty range. Says
-- the same as memory_event_effect() in replay/effect.c, whose comments give the reasons.
-- 4611686018427387904 is 2^62: an address or a length beyond it is a lie and makes no range.
SELECT id AS id, -- event.id
	space_id AS space_id, -- space.id
	tid AS tid, -- thread that called, in the initial pid namespace
	kind AS kind, -- memory_kind.kind
	enter_ns AS enter_ns, -- ns; entry of the call
	CASE WHEN removed_at & 4095 = 0 AND removed_at BETWEEN 0 AND 4611686018427387903
			AND removed_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed_at END AS removed_start, -- address; begin of what the call took away; NULL for nothing
	CASE WHEN removed_at & 4095 = 0 AND removed_at BETWEEN 0 AND 4611686018427387903
			AND removed_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed_at + removed_bytes END AS removed_end, -- address; end of it
	CASE WHEN removed2_at & 4095 = 0 AND removed2_at BETWEEN 0 AND 4611686018427387903
			AND removed2_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed2_at END AS removed2_start, -- address; begin of what mremap covered at its new place; NULL for nothing
	CASE WHEN removed2_at & 4095 = 0 AND removed2_at BETWEEN 0 AND 4611686018427387903
			AND removed2_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed2_at + removed2_bytes END AS removed2_end, -- address; end of it
	CASE WHEN added_at & 4095 = 0 AND added_at BETWEEN 0 AND 4611686018427387903
			AND added_bytes BETWEEN 1 AND 4611686018427387904
		THEN added_at END AS added_start, -- address; begin of what stands there since; NULL for nothing
	CASE WHEN added_at & 4095 = 0 AND added_at BETWEEN 0 AND 4611686018427387903
			AND added_bytes BETWEEN 1 AND 4611686018427387904
		THEN added_at + added_bytes END AS added_end, -- address; end of it
	CASE WHEN touched_at & 4095 = 0 AND touched_at BETWEEN 0 AND 4611686018427387903
			AND touched_bytes BETWEEN 1 AND 4611686018427387904
		THEN touched_at END AS touched_start,
		-- address; begin of what got another protection or lost its contents; NULL for nothing
	CASE WHEN touched_at & 4095 = 0 AND touched_at BETWEEN 0 AND 4611686018427387903
			AND touched_bytes BETWEEN 1 AND 4611686018427387904
		THEN touched_at + touched_bytes END AS touched_end -- address; end of it
FROM (
	SELECT id, space_id, tid, kind, enter_ns,
		CASE WHEN done THEN CASE kind
			WHEN 2 THEN CASE WHEN a3 & 0x100010 = 0x10 THEN result END
			WHEN 3 THEN a0
			WHEN 4 THEN CASE
				WHEN a3 & 4 THEN NULL
				WHEN in_place THEN CASE WHEN a0 >= 0 AND pages2 < pages1 THEN a0 + pages2 END
				ELSE a0 END
			WHEN 8 THEN CASE WHEN pages_result < pages1 THEN pages_result END
			WHEN 9 THEN CASE WHEN a2 & 0x4000 THEN result END -- SHM_REMAP
			WHEN 10 THEN a0
		END END AS removed_at,
		CASE kind
			WHEN 2 THEN mmap_bytes
			WHEN 4 THEN CASE WHEN in_place THEN pages1 - pages2 ELSE pages1 END
			WHEN 8 THEN pages1 - pages_result
			WHEN 9 THEN pages3
			ELSE pages1
		END AS removed_bytes,
		CASE WHEN done AND kind = 4 AND a3 & 2 AND NOT in_place THEN result END AS removed2_at,
		pages2 AS removed2_bytes,
		CASE WHEN done THEN CASE kind
			WHEN 1 THEN a0
			WHEN 2 THEN result
			WHEN 4 THEN CASE
				WHEN in_place THEN CASE WHEN a0 >= 0 AND pages2 > pages1 THEN a0 + pages1 END
				ELSE result END
			WHEN 8 THEN CASE WHEN pages_result > pages1 THEN pages1 END
			WHEN 9 THEN result
		END END AS added_at,
		CASE kind
			WHEN 1 THEN pages1
			WHEN 2 THEN mmap_bytes
			WHEN 4 THEN CASE WHEN in_place THEN pages2 - pages1 ELSE pages2 END
			WHEN 8 THEN pages_result - pages1
			ELSE pages3
		END AS added_bytes,
		CASE WHEN done THEN CASE kind
			WHEN 4 THEN CASE WHEN a3 & 4 THEN a0 END
			WHEN 5 THEN a0
			WHEN 6 THEN a0
			WHEN 7 THEN CASE WHEN a2 IN (4, 8, 9, 24, 102, 103) THEN a0 END
		END END AS touched_at,
		pages1 AS touched_bytes
	FROM (
		SELECT id, space_id, tid, kind, enter_ns, result, a0, a1, a2, a3,
			CASE kind
				WHEN 1 THEN 1
				WHEN 2 THEN result NOT BETWEEN -4095 AND -1
				WHEN 4 THEN result NOT BETWEEN -4095 AND -1
					AND a1 BETWEEN 0 AND 4611686018427387904
					AND a2 BETWEEN 0 AND 4611686018427387904
				WHEN 8 THEN a1 BETWEEN 0 AND 4611686018427387904
					AND result BETWEEN 0 AND 4611686018427387904
				-- These advices pass over holes and then return ENOMEM.
				WHEN 7 THEN result = 0 OR (result = -12 AND a2 IN (4, 8, 24))
				WHEN 9 THEN result NOT BETWEEN -4095 AND -1
				ELSE result = 0
			END AS done,
			kind = 4 AND a1 <> 0 AND a3 & 4 = 0 AND result = a0 AS in_place,
			-- An anonymous MAP_HUGETLB mapping rounds up to the huge page that its flags name, else 2 MiB.
			CASE WHEN a3 & 0x40000 = 0 THEN (a1 + 4095) & -4096
				WHEN (a3 >> 26) & 63 BETWEEN 12 AND 40
				THEN (a1 + (1 << ((a3 >> 26) & 63)) - 1) & -(1 << ((a3 >> 26) & 63))
				ELSE (a1 + 0x1fffff) & -0x200000
			END AS mmap_bytes,
			(a1 + 4095) & -4096 AS pages1,
			(a2 + 4095) & -4096 AS pages2,
			(a3 + 4095) & -4096 AS pages3,
			(result + 4095) & -4096 AS pages_result
		FROM event
	)
);
