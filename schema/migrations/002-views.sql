-- SPDX-License-Identifier: MIT
-- Views for people; the sqlite3 shell can use them all. Dates are UTC.

CREATE VIEW v_effect AS
-- What each memory event did to its address space, as half-open ranges of whole pages; NULL for an empty range. Says
-- the same as memory_event_effect() in schema/record.c, whose comments give the reasons.
-- 4611686018427387904 is 2^62: an address or a length beyond it is a lie and makes no range.
SELECT id, space_id, tid, kind, enter_ns,
	CASE WHEN removed_at & 4095 = 0 AND removed_at BETWEEN 0 AND 4611686018427387903
			AND removed_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed_at END AS removed_start,
	CASE WHEN removed_at & 4095 = 0 AND removed_at BETWEEN 0 AND 4611686018427387903
			AND removed_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed_at + removed_bytes END AS removed_end,
	CASE WHEN removed2_at & 4095 = 0 AND removed2_at BETWEEN 0 AND 4611686018427387903
			AND removed2_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed2_at END AS removed2_start,
	CASE WHEN removed2_at & 4095 = 0 AND removed2_at BETWEEN 0 AND 4611686018427387903
			AND removed2_bytes BETWEEN 1 AND 4611686018427387904
		THEN removed2_at + removed2_bytes END AS removed2_end,
	CASE WHEN added_at & 4095 = 0 AND added_at BETWEEN 0 AND 4611686018427387903
			AND added_bytes BETWEEN 1 AND 4611686018427387904
		THEN added_at END AS added_start,
	CASE WHEN added_at & 4095 = 0 AND added_at BETWEEN 0 AND 4611686018427387903
			AND added_bytes BETWEEN 1 AND 4611686018427387904
		THEN added_at + added_bytes END AS added_end,
	CASE WHEN touched_at & 4095 = 0 AND touched_at BETWEEN 0 AND 4611686018427387903
			AND touched_bytes BETWEEN 1 AND 4611686018427387904
		THEN touched_at END AS touched_start,
	CASE WHEN touched_at & 4095 = 0 AND touched_at BETWEEN 0 AND 4611686018427387903
			AND touched_bytes BETWEEN 1 AND 4611686018427387904
		THEN touched_at + touched_bytes END AS touched_end
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

CREATE VIEW v_event AS
-- Memory events with names for numbers. Where a call failed, "error" is its errno. "seconds" is CLOCK_BOOTTIME.
SELECT event.id AS id,
	datetime((event.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (event.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
	event.enter_ns / 1e9 AS seconds,
	event.duration_ns / 1e3 AS microseconds,
	event.space_id AS space_id,
	process.pid AS pid,
	event.tid AS tid,
	space.comm AS comm,
	coalesce(memory_kind.name, 'unknown') AS kind,
	CASE WHEN event.kind <> 1 AND event.result BETWEEN -4095 AND -1 THEN -event.result END AS error,
	printf('0x%x', event.result) AS result,
	printf('0x%x', event.a0) AS a0,
	printf('0x%x', event.a1) AS a1,
	printf('0x%x', event.a2) AS a2,
	printf('0x%x', event.a3) AS a3,
	printf('0x%x', event.a4) AS a4,
	printf('0x%x', event.a5) AS a5,
	CASE WHEN v_effect.added_start IS NOT NULL
		THEN printf('0x%x-0x%x', v_effect.added_start, v_effect.added_end) END AS added,
	CASE WHEN v_effect.removed_start IS NOT NULL
		THEN printf('0x%x-0x%x', v_effect.removed_start, v_effect.removed_end) END AS removed,
	CASE WHEN v_effect.removed2_start IS NOT NULL
		THEN printf('0x%x-0x%x', v_effect.removed2_start, v_effect.removed2_end) END AS removed2,
	CASE WHEN v_effect.touched_start IS NOT NULL
		THEN printf('0x%x-0x%x', v_effect.touched_start, v_effect.touched_end) END AS touched,
	printf('0x%x', event.ip) AS ip,
	printf('0x%x', event.sp) AS sp,
	printf('0x%x', event.top_word) AS top_word,
	file.path AS path
FROM event
JOIN v_effect ON v_effect.id = event.id
LEFT JOIN space ON space.id = event.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id
LEFT JOIN memory_kind ON memory_kind.kind = event.kind
LEFT JOIN file ON file.id = event.file_id;

CREATE VIEW v_mapping AS
-- The life of each mapping: made and gone, by whom. A mapping counts as gone when any part of it is: its later pieces
-- are not followed. A mapping that a fork inherited is listed under the parent alone. The end is looked up by reading
-- on from the event that made it, so give conditions on "event" or "space_id" in a large store. "gone_by" is "end of
-- space" when nothing removed it and its address space ended. Growth in place (brk, mremap) is a mapping of its own.
SELECT life.event AS event,
	life.space_id AS space_id,
	process.pid AS pid,
	space.comm AS comm,
	printf('0x%x', life.start) AS start,
	printf('0x%x', life.end) AS end,
	life.end - life.start AS bytes,
	CASE WHEN made.kind IN (1, 2) THEN
			CASE WHEN made.a2 & 1 THEN 'r' ELSE '-' END || CASE WHEN made.a2 & 2 THEN 'w' ELSE '-' END
				|| CASE WHEN made.a2 & 4 THEN 'x' ELSE '-' END
		WHEN made.kind = 8 THEN 'rw-'
		WHEN made.kind = 9 THEN 'r' || CASE WHEN made.a2 & 0x1000 THEN '-' ELSE 'w' END
			|| CASE WHEN made.a2 & 0x8000 THEN 'x' ELSE '-' END
	END AS protection,
	file.path AS path,
	coalesce(made_kind.name, 'unknown') AS made_by,
	life.tid AS made_tid,
	datetime((life.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (life.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS made_date,
	life.enter_ns / 1e9 AS made_seconds,
	gone.id AS gone_event,
	CASE WHEN gone.id IS NOT NULL THEN coalesce(gone_kind.name, 'unknown')
		WHEN space.to_ns > 0 THEN 'end of space' END AS gone_by,
	gone.tid AS gone_tid,
	CASE WHEN gone.id IS NOT NULL OR space.to_ns > 0 THEN
		datetime((coalesce(gone.enter_ns, space.to_ns) + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (coalesce(gone.enter_ns, space.to_ns) + recording.realtime_offset_ns)
				/ 1000 % 1000000)
	END AS gone_date,
	CASE WHEN gone.id IS NOT NULL OR space.to_ns > 0
		THEN coalesce(gone.enter_ns, space.to_ns) / 1e9 END AS gone_seconds
FROM (
	SELECT made.id AS event, made.space_id AS space_id, made.tid AS tid, made.enter_ns AS enter_ns,
		made.added_start AS start, made.added_end AS end,
		(SELECT later.id FROM v_effect AS later
			WHERE later.id > made.id AND later.space_id = made.space_id
				AND ((later.removed_start < made.added_end AND made.added_start < later.removed_end)
				OR (later.removed2_start < made.added_end AND made.added_start < later.removed2_end))
			ORDER BY later.id LIMIT 1) AS gone_event
	FROM v_effect AS made
	WHERE made.added_start IS NOT NULL
) AS life
JOIN event AS made ON made.id = life.event
LEFT JOIN memory_kind AS made_kind ON made_kind.kind = made.kind
LEFT JOIN event AS gone ON gone.id = life.gone_event
LEFT JOIN memory_kind AS gone_kind ON gone_kind.kind = gone.kind
LEFT JOIN space ON space.id = life.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id
LEFT JOIN file ON file.id = made.file_id;

CREATE VIEW v_marker AS
-- Markers with process and date. "own" is 1 for those of the project's macros.
SELECT marker.id AS id,
	datetime((marker.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (marker.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
	marker.enter_ns / 1e9 AS seconds,
	marker.space_id AS space_id,
	process.pid AS pid,
	marker.tid AS tid,
	space.comm AS comm,
	marker.option AS option,
	marker.option = 3 AND marker.a1 = 0x6574616c65726f63 AS own,
	CASE WHEN marker.option = 3 OR (marker.option = 4 AND marker.result < 0) THEN marker.a0 END AS number,
	marker.text AS text,
	printf('0x%x', marker.a0) AS a0,
	printf('0x%x', marker.a1) AS a1,
	printf('0x%x', marker.a2) AS a2,
	printf('0x%x', marker.a3) AS a3,
	marker.result AS result,
	printf('0x%x', marker.ip) AS ip
FROM marker
LEFT JOIN space ON space.id = marker.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

CREATE VIEW v_process AS
-- Processes with dates and the exit status in words ("exit 5", "signal 11"); NULL while alive.
SELECT process.id AS id,
	process.recording_id AS recording_id,
	process.pid AS pid,
	process.namespace_pid AS namespace_pid,
	process.parent_pid AS parent_pid,
	process.uid AS uid,
	process.comm AS comm,
	(SELECT file.path FROM space JOIN file ON file.id = space.executable_file_id
		WHERE space.process_id = process.id ORDER BY space.id DESC LIMIT 1) AS executable,
	datetime((process.start_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch') AS started,
	CASE WHEN process.exit_ns > 0
		THEN datetime((process.exit_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch') END AS ended,
	CASE WHEN process.exit_ns = 0 THEN NULL
		WHEN process.exit_status & 0x7f = 0 THEN printf('exit %d', (process.exit_status >> 8) & 0xff)
		ELSE printf('signal %d', process.exit_status & 0x7f) END AS status,
	CASE WHEN process.exit_ns > 0 THEN process.exit_status & 0x80 <> 0 END AS dumped_core
FROM process
LEFT JOIN recording ON recording.id = process.recording_id;

CREATE VIEW v_crash AS
-- Deaths by signal, newest last: of each process the first fatal signal.
SELECT signal.id AS id,
	datetime((signal.time_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (signal.time_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
	signal.time_ns / 1e9 AS seconds,
	signal.space_id AS space_id,
	process.pid AS pid,
	signal.tid AS tid,
	signal.comm AS comm,
	coalesce(signal_name.name, 'signal ' || signal.number) AS signal,
	coalesce(own_code.name, any_code.name, 'code ' || signal.code) AS code,
	printf('0x%x', signal.address) AS address,
	printf('0x%x', signal.rip) AS ip,
	printf('0x%x', signal.rsp) AS sp,
	nullif(signal.sender_pid, 0) AS sender_pid,
	(SELECT count(*) FROM return_instance WHERE return_instance.signal_id = signal.id) AS pending_uretprobes,
	signal.directory AS directory
FROM signal
LEFT JOIN process ON process.id = signal.process_id
LEFT JOIN recording ON recording.id = process.recording_id
LEFT JOIN signal_name ON signal_name.number = signal.number
LEFT JOIN signal_code_name AS own_code ON own_code.number = signal.number AND own_code.code = signal.code
LEFT JOIN signal_code_name AS any_code ON any_code.number = 0 AND any_code.code = signal.code
WHERE signal.fatal = 1
	AND NOT EXISTS (SELECT 1 FROM signal AS earlier
		WHERE earlier.fatal = 1 AND earlier.process_id = signal.process_id AND earlier.id < signal.id)
ORDER BY signal.id;

CREATE VIEW v_gap AS
-- Spans over which events were lost; "until" is NULL for one without an end, "pid" for one that may concern any process,
-- "lost" where it cannot be counted.
SELECT gap.id AS id,
	gap.recording_id AS recording_id,
	nullif(gap.pid, 0) AS pid,
	coalesce(gap_cause.name, 'unknown') AS cause,
	datetime((gap.from_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (gap.from_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS since,
	CASE WHEN gap.to_ns < 9223372036854775807 THEN
		datetime((gap.to_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (gap.to_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS until,
	gap.from_ns / 1e9 AS from_seconds,
	CASE WHEN gap.to_ns < 9223372036854775807 THEN gap.to_ns / 1e9 END AS to_seconds,
	nullif(gap.lost, 0) AS lost
FROM gap
LEFT JOIN recording ON recording.id = gap.recording_id
LEFT JOIN gap_cause ON gap_cause.cause = gap.cause;
