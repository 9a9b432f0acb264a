-- SPDX-License-Identifier: MIT
-- The views are a stable API: columns are only added, at the end. Each has its meaning behind it, which the data
-- dictionary (corelate sql --dictionary) reads from here; a unit comes first, before a semicolon. Dates are UTC.
-- What the tables' own statements left unsaid:
--
-- memory_kind.kind: what event.kind holds
-- gap_cause.cause: what gap.cause holds
-- signal_name.number: what signal.number holds
-- probe_how.how: what probe.how holds
-- probe_how.name: a phrase
-- stack_state.state: what stack.state holds
-- stack_state.name: whole: all that was asked for, or all that there was; unreadable; skipped: there was no room
-- function_role.role: what function.role and heap.role hold
-- function_role.name: the function of C or C++ that it works like; plain for any other
-- truncation_how.how: what truncation.how holds
-- truncation_how.name: a phrase

DROP VIEW v_effect;
CREATE VIEW v_effect AS
-- What each memory event did to its address space, as half-open ranges of whole pages; NULL for an empty range. Says
-- the same as memory_event_effect() in schema/record.c, whose comments give the reasons.
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

DROP VIEW v_event;
CREATE VIEW v_event AS
-- Memory events with names for numbers. Where a call failed, "error" is its errno. "seconds" is CLOCK_BOOTTIME.
SELECT event.id AS id, -- event.id
	datetime((event.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (event.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
		-- UTC; entry of the call
	event.enter_ns / 1e9 AS seconds, -- s; the same since the boot
	event.duration_ns / 1e3 AS microseconds, -- us; from entry to return
	event.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	event.tid AS tid, -- thread
	space.comm AS comm, -- command name of the address space
	coalesce(memory_kind.name, 'unknown') AS kind, -- the system call, or "seen" for a mapping found in place
	CASE WHEN event.kind <> 1 AND event.result BETWEEN -4095 AND -1 THEN -event.result END AS error,
		-- errno of a call that failed; NULL for one that succeeded
	printf('0x%x', event.result) AS result, -- what the call returned, in hexadecimal
	printf('0x%x', event.a0) AS a0, -- first argument, in hexadecimal; its meaning: memory_kind.arguments
	printf('0x%x', event.a1) AS a1, -- second argument
	printf('0x%x', event.a2) AS a2, -- third argument
	printf('0x%x', event.a3) AS a3, -- fourth argument
	printf('0x%x', event.a4) AS a4, -- fifth argument
	printf('0x%x', event.a5) AS a5, -- sixth argument
	CASE WHEN v_effect.added_start IS NOT NULL
		THEN printf('0x%x-0x%x', v_effect.added_start, v_effect.added_end) END AS added,
		-- range that stands there since; NULL for none
	CASE WHEN v_effect.removed_start IS NOT NULL
		THEN printf('0x%x-0x%x', v_effect.removed_start, v_effect.removed_end) END AS removed,
		-- range that the call took away; NULL for none
	CASE WHEN v_effect.removed2_start IS NOT NULL
		THEN printf('0x%x-0x%x', v_effect.removed2_start, v_effect.removed2_end) END AS removed2,
		-- second range that it took away (mremap); NULL for none
	CASE WHEN v_effect.touched_start IS NOT NULL
		THEN printf('0x%x-0x%x', v_effect.touched_start, v_effect.touched_end) END AS touched,
		-- range whose protection or contents changed; NULL for none
	printf('0x%x', event.ip) AS ip, -- address; just after the system call instruction
	printf('0x%x', event.sp) AS sp, -- address; the stack pointer there
	printf('0x%x', event.top_word) AS top_word, -- the word at [sp]: the caller, where ip is in a leaf wrapper
	file.path AS path -- file that was mapped; NULL for anonymous memory
FROM event
JOIN v_effect ON v_effect.id = event.id
LEFT JOIN space ON space.id = event.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id
LEFT JOIN memory_kind ON memory_kind.kind = event.kind
LEFT JOIN file ON file.id = event.file_id;

DROP VIEW v_mapping;
CREATE VIEW v_mapping AS
-- The life of each mapping: made and gone, by whom. A mapping counts as gone when any part of it is: its later pieces
-- are not followed. A mapping that a fork inherited is listed under the parent alone. The end is looked up by reading
-- on from the event that made it, so give conditions on "event" or "space_id" in a large store. "gone_by" is "end of
-- space" when nothing removed it and its address space ended. Growth in place (brk, mremap) is a mapping of its own.
SELECT life.event AS event, -- event.id of the call that made it
	life.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	space.comm AS comm, -- command name of the address space
	printf('0x%x', life.start) AS start, -- address; its begin
	printf('0x%x', life.end) AS end, -- address; its end
	life.end - life.start AS bytes, -- bytes; its size
	CASE WHEN made.kind IN (1, 2) THEN
			CASE WHEN made.a2 & 1 THEN 'r' ELSE '-' END || CASE WHEN made.a2 & 2 THEN 'w' ELSE '-' END
				|| CASE WHEN made.a2 & 4 THEN 'x' ELSE '-' END
		WHEN made.kind = 8 THEN 'rw-'
		WHEN made.kind = 9 THEN 'r' || CASE WHEN made.a2 & 0x1000 THEN '-' ELSE 'w' END
			|| CASE WHEN made.a2 & 0x8000 THEN 'x' ELSE '-' END
	END AS protection, -- as it was made, such as "rw-"; NULL when not known
	file.path AS path, -- its file; NULL for anonymous memory
	coalesce(made_kind.name, 'unknown') AS made_by, -- the system call, or "seen"
	life.tid AS made_tid, -- thread that made it
	datetime((life.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (life.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS made_date,
		-- UTC; when it was made
	life.enter_ns / 1e9 AS made_seconds, -- s; the same since the boot
	gone.id AS gone_event, -- event.id of the call that took it, or a part of it, away; NULL for none
	CASE WHEN gone.id IS NOT NULL THEN coalesce(gone_kind.name, 'unknown')
		WHEN space.to_ns > 0 THEN 'end of space' END AS gone_by,
		-- that system call; "end of space" when it stayed to the end; NULL while there
	gone.tid AS gone_tid, -- thread that did it
	CASE WHEN gone.id IS NOT NULL OR space.to_ns > 0 THEN
		datetime((coalesce(gone.enter_ns, space.to_ns) + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (coalesce(gone.enter_ns, space.to_ns) + recording.realtime_offset_ns)
				/ 1000 % 1000000)
	END AS gone_date, -- UTC; when it went; NULL while there
	CASE WHEN gone.id IS NOT NULL OR space.to_ns > 0
		THEN coalesce(gone.enter_ns, space.to_ns) / 1e9 END AS gone_seconds -- s; the same since the boot
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

DROP VIEW v_marker;
CREATE VIEW v_marker AS
-- Markers with process and date. "own" is 1 for those of the project's macros.
SELECT marker.id AS id, -- marker.id
	datetime((marker.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (marker.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
		-- UTC; entry of the call
	marker.enter_ns / 1e9 AS seconds, -- s; the same since the boot
	marker.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	marker.tid AS tid, -- thread
	space.comm AS comm, -- command name of the address space
	marker.option AS option, -- first argument of prctl
	marker.option = 3 AND marker.a1 = 0x6574616c65726f63 AS own, -- 1 for the markers of the project's own macros
	CASE WHEN marker.option = 3 OR (marker.option = 4 AND marker.result < 0) THEN marker.a0 END AS number,
		-- the marker's number; NULL where it has none
	marker.text AS text, -- the name that it gives; NULL when it gives none
	printf('0x%x', marker.a0) AS a0, -- second argument of prctl, in hexadecimal
	printf('0x%x', marker.a1) AS a1, -- third argument
	printf('0x%x', marker.a2) AS a2, -- fourth argument
	printf('0x%x', marker.a3) AS a3, -- fifth argument
	marker.result AS result, -- what prctl returned
	printf('0x%x', marker.ip) AS ip -- address; just after the system call instruction
FROM marker
LEFT JOIN space ON space.id = marker.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

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
	CASE WHEN process.exit_ns > 0 THEN process.exit_status & 0x80 <> 0 END AS dumped_core
		-- 1 when the kernel says that it left a core; NULL while alive
FROM process
LEFT JOIN recording ON recording.id = process.recording_id;

DROP VIEW v_crash;
CREATE VIEW v_crash AS
-- Deaths by signal, newest last: of each process the first fatal signal.
SELECT signal.id AS id, -- signal.id
	datetime((signal.time_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (signal.time_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
		-- UTC; delivery of the signal
	signal.time_ns / 1e9 AS seconds, -- s; the same since the boot
	signal.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	signal.tid AS tid, -- thread that got the signal
	signal.comm AS comm, -- name of that thread
	coalesce(signal_name.name, 'signal ' || signal.number) AS signal, -- its name, such as SIGSEGV
	coalesce(own_code.name, any_code.name, 'code ' || signal.code) AS code,
		-- why, by the signal's own word, such as SEGV_MAPERR
	printf('0x%x', signal.address) AS address, -- address; that the signal carries; 0x0 when it carries none
	printf('0x%x', signal.rip) AS ip, -- address; instruction at which the thread was
	printf('0x%x', signal.rsp) AS sp, -- address; its stack pointer
	nullif(signal.sender_pid, 0) AS sender_pid, -- process that sent it; NULL for none
	(SELECT count(*) FROM return_instance WHERE return_instance.signal_id = signal.id) AS pending_uretprobes,
		-- number of uretprobes that were pending in its threads
	signal.directory AS directory, -- working directory; empty when not read
	signal.process_id AS process_id, -- process.id
	process.recording_id AS recording_id, -- recording.id
	(SELECT file.path FROM space JOIN file ON file.id = space.executable_file_id
		WHERE space.id = signal.space_id) AS executable, -- path of the program; NULL when not known
	CASE WHEN process.exit_ns > 0 THEN process.exit_status & 0x80 <> 0 END AS dumped_core
		-- 1 when the kernel says that it left a core; NULL when its end was not seen
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

DROP VIEW v_gap;
CREATE VIEW v_gap AS
-- Spans over which events were lost; "until" is NULL for one without an end, "pid" for one that may concern any process,
-- "lost" where it cannot be counted.
SELECT gap.id AS id, -- gap.id
	gap.recording_id AS recording_id, -- recording.id
	nullif(gap.pid, 0) AS pid, -- process that it concerns; NULL when it may concern any
	coalesce(gap_cause.name, 'unknown') AS cause, -- why events were lost
	datetime((gap.from_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (gap.from_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS since,
		-- UTC; begin of the span
	CASE WHEN gap.to_ns < 9223372036854775807 THEN
		datetime((gap.to_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (gap.to_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS until,
		-- UTC; its end; NULL for one without an end
	gap.from_ns / 1e9 AS from_seconds, -- s; its begin since the boot
	CASE WHEN gap.to_ns < 9223372036854775807 THEN gap.to_ns / 1e9 END AS to_seconds,
		-- s; its end since the boot; NULL for one without an end
	nullif(gap.lost, 0) AS lost -- number of events; NULL when they cannot be counted
FROM gap
LEFT JOIN recording ON recording.id = gap.recording_id
LEFT JOIN gap_cause ON gap_cause.cause = gap.cause;

DROP VIEW v_probe;
CREATE VIEW v_probe AS
-- Who held which uprobe, with dates. "since" is NULL when it was found in place, "gone" when it was never seen to go.
SELECT probe.id AS id, -- probe.id
	probe.recording_id AS recording_id, -- recording.id
	nullif(probe.holder_pid, 0) AS holder_pid, -- process that holds it; NULL when nobody is known to
	nullif(probe.holder_comm, '') AS holder, -- its command name; NULL when not known
	nullif(probe.holder_cgroup, '') AS cgroup, -- path of its cgroup; NULL when not known
	CASE WHEN probe.at_return THEN 'uretprobe' ELSE 'uprobe' END AS kind, -- uprobe or uretprobe
	probe.path AS path, -- probed file
	printf('0x%x', probe.offset) AS offset, -- bytes; place in the file, in hexadecimal
	nullif(probe.only_pid, 0) AS only_pid, -- the one process that it is for; NULL for any; -1 when not known
	probe.enabled AS enabled, -- 0 for one that tracefs defines and nobody has switched on
	coalesce(probe_how.name, 'unknown') AS how, -- perf event, BPF link or tracefs
	CASE WHEN probe.attached_ns > 0 THEN
		datetime((probe.attached_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (probe.attached_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS since,
		-- UTC; when it was seen to be attached; NULL when it was found in place
	datetime((probe.last_seen_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (probe.last_seen_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS last_seen,
		-- UTC; last look at which it was there
	CASE WHEN probe.gone_ns > 0 THEN
		datetime((probe.gone_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (probe.gone_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS gone
		-- UTC; first sight of its absence; NULL when it was never seen to go
FROM probe
LEFT JOIN recording ON recording.id = probe.recording_id
LEFT JOIN probe_how ON probe_how.how = probe.how;

DROP VIEW v_exit;
CREATE VIEW v_exit AS
-- Deaths by exit_group with a status other than 0 while uretprobes were or had been at work in the process.
SELECT exit_state.id AS id, -- exit_state.id
	datetime((exit_state.time_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (exit_state.time_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
		-- UTC; entry of exit_group
	exit_state.time_ns / 1e9 AS seconds, -- s; the same since the boot
	exit_state.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	exit_state.tid AS tid, -- thread that called
	exit_state.comm AS comm, -- name of that thread
	(exit_state.status >> 8) & 0xff AS status, -- exit status
	printf('0x%x', exit_state.trampoline) AS trampoline, -- address; the [uprobes] page
	printf('0x%x', exit_state.rip) AS ip, -- address; instruction of the call
	printf('0x%x', exit_state.rsp) AS sp, -- address; stack pointer there
	(SELECT count(*) FROM return_instance WHERE return_instance.exit_state_id = exit_state.id) AS pending_uretprobes
		-- number of uretprobes that were pending in its threads
FROM exit_state
LEFT JOIN process ON process.id = exit_state.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

DROP VIEW v_function;
CREATE VIEW v_function AS
-- Functions whose calls were recorded. "hole" says why not every call can be seen.
SELECT function.id AS id, -- function.id
	function.recording_id AS recording_id, -- recording.id
	function.name AS name, -- as the file names it
	coalesce(function_role.name, 'unknown') AS role,
		-- what it is to the heap: malloc, free and so on; plain for one of --probe
	nullif(function.signature, '') AS signature, -- as --probe gave it; NULL for none
	file.path AS path, -- its file
	printf('0x%x', function.offset) AS offset, -- bytes; its entry in the file, in hexadecimal
	nullif(function.hole, '') AS hole -- why not every call can be seen; NULL when every one can
FROM function
LEFT JOIN function_role ON function_role.role = function.role
LEFT JOIN file ON file.id = function.file_id;

DROP VIEW v_heap;
CREATE VIEW v_heap AS
-- Calls of heap functions with names and dates. "microseconds" is NULL when no return was seen.
SELECT heap.id AS id, -- heap.id
	datetime((heap.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (heap.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
		-- UTC; entry of the call
	heap.enter_ns / 1e9 AS seconds, -- s; the same since the boot
	CASE WHEN heap.duration_ns >= 0 THEN heap.duration_ns / 1e3 END AS microseconds,
		-- us; from entry to return; NULL when no return was seen
	heap.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	heap.tid AS tid, -- thread
	space.comm AS comm, -- command name of the address space
	coalesce(function_role.name, 'unknown') AS role, -- malloc, free and so on
	function.name AS function, -- name of the function
	CASE WHEN heap.old_block <> 0 THEN printf('0x%x', heap.old_block) END AS old_block,
		-- address; what was given back or resized; NULL for none
	CASE WHEN heap.block <> 0 THEN printf('0x%x', heap.block) END AS block,
		-- address; what was handed out; NULL for none
	heap.size AS size, -- bytes; that were asked for
	nullif(heap.alignment, 0) AS alignment, -- bytes; NULL when not given
	printf('0x%x', heap.ip) AS ip, -- address; entry of the function
	printf('0x%x', heap.sp) AS sp, -- address; stack pointer there
	printf('0x%x', heap.top_word) AS top_word, -- address; where the call returns to
	nullif(heap.stack_id, 0) AS stack_id -- stack.id; NULL when none was taken
FROM heap
LEFT JOIN function ON function.id = heap.function_id
LEFT JOIN function_role ON function_role.role = heap.role
LEFT JOIN space ON space.id = heap.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

DROP VIEW v_call;
CREATE VIEW v_call AS
-- Calls of functions of --probe. A text stands for a string or buffer argument, the number for any other.
SELECT call.id AS id, -- call.id
	datetime((call.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (call.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
		-- UTC; entry of the call
	call.enter_ns / 1e9 AS seconds, -- s; the same since the boot
	CASE WHEN call.duration_ns >= 0 THEN call.duration_ns / 1e3 END AS microseconds,
		-- us; from entry to return; NULL when no return was seen
	call.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	call.tid AS tid, -- thread
	space.comm AS comm, -- command name of the address space
	function.name AS function, -- name of the function
	coalesce(CAST(call.t0 AS TEXT), printf('0x%x', call.a0)) AS a0,
		-- first argument: text of a string or buffer, else the number in hexadecimal
	coalesce(CAST(call.t1 AS TEXT), printf('0x%x', call.a1)) AS a1, -- second argument
	coalesce(CAST(call.t2 AS TEXT), printf('0x%x', call.a2)) AS a2, -- third argument
	coalesce(CAST(call.t3 AS TEXT), printf('0x%x', call.a3)) AS a3, -- fourth argument
	coalesce(CAST(call.t4 AS TEXT), printf('0x%x', call.a4)) AS a4, -- fifth argument
	coalesce(CAST(call.t5 AS TEXT), printf('0x%x', call.a5)) AS a5, -- sixth argument
	CASE WHEN call.duration_ns >= 0 THEN printf('0x%x', call.result) END AS result,
		-- what it returned, in hexadecimal; NULL when no return was seen
	printf('0x%x', call.ip) AS ip, -- address; entry of the function, or place of the probe
	printf('0x%x', call.sp) AS sp, -- address; stack pointer there
	printf('0x%x', call.top_word) AS top_word, -- address; where the call returns to
	nullif(call.stack_id, 0) AS stack_id -- stack.id; NULL when none was taken
FROM call
LEFT JOIN function ON function.id = call.function_id
LEFT JOIN space ON space.id = call.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

DROP VIEW v_stack;
CREATE VIEW v_stack AS
-- Stacks as they were copied. "cut_off" is 1 when there was more than was asked for.
SELECT stack.id AS id, -- stack.id
	coalesce(stack_state.name, 'unknown') AS state, -- whole, unreadable or skipped
	coalesce(stack_slice.size, 0) AS bytes, -- bytes; that were copied
	stack.asked_bytes AS asked_bytes, -- bytes; the most that were to be copied
	coalesce(stack_slice.size >= stack.asked_bytes, 0) AS cut_off, -- 1 when there was more than was asked for
	printf('0x%x', stack.rbx) AS rbx, -- register
	printf('0x%x', stack.rbp) AS rbp, -- register
	printf('0x%x', stack.r12) AS r12, -- register
	printf('0x%x', stack.r13) AS r13, -- register
	printf('0x%x', stack.r14) AS r14, -- register
	printf('0x%x', stack.r15) AS r15 -- register
FROM stack
LEFT JOIN stack_state ON stack_state.state = stack.state
LEFT JOIN stack_slice ON stack_slice.id = stack.slice_id;

DROP VIEW v_truncation;
CREATE VIEW v_truncation AS
-- Who made which file shorter, with dates.
SELECT truncation.id AS id, -- truncation.id
	datetime((truncation.exit_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (truncation.exit_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
		-- UTC; return of the call
	truncation.exit_ns / 1e9 AS seconds, -- s; the same since the boot
	coalesce(file.path, truncation.path) AS path, -- file; as truncate was given it where only that is known
	coalesce(truncation_how.name, 'unknown') AS how, -- the call
	truncation.pid AS pid, -- process that did it, recorded or not
	truncation.tid AS tid, -- its thread
	truncation.comm AS comm, -- name of that thread
	CASE WHEN truncation.old_bytes >= 0 THEN truncation.old_bytes END AS old_bytes,
		-- bytes; size before; NULL when not known
	truncation.new_bytes AS new_bytes -- bytes; size after
FROM truncation
LEFT JOIN recording ON recording.id = truncation.recording_id
LEFT JOIN truncation_how ON truncation_how.how = truncation.how
LEFT JOIN file ON file.id = truncation.file_id;

CREATE VIEW v_recording AS
-- Runs of the recorder with dates and books: what was emitted is what was stored and what was lost.
SELECT recording.id AS id, -- recording.id
	recording.boot_id AS boot_id, -- uuid of the boot; times of different boots cannot be compared
	datetime((recording.started_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (recording.started_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS started,
		-- UTC; from here on every event that passes the filter is emitted
	CASE WHEN recording.ended_ns > 0 THEN
		datetime((recording.ended_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (recording.ended_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS ended,
		-- UTC; NULL while it runs, and for ever when it was killed
	CASE WHEN recording.last_commit_ns > 0 THEN
		datetime((recording.last_commit_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (recording.last_commit_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS complete_until,
		-- UTC; everything emitted before was stored or counted as lost
	CASE WHEN recording.ended_ns > 0 THEN recording.emitted END AS emitted, -- events; NULL before its end
	CASE WHEN recording.ended_ns > 0 THEN recording.stored END AS stored, -- events; NULL before its end
	CASE WHEN recording.ended_ns > 0 THEN recording.lost END AS lost, -- events; NULL before its end
	CASE WHEN recording.ended_ns > 0 THEN recording.emitted - recording.stored - recording.lost END AS balance,
		-- events; that nobody counted; 0 when the books balance; NULL before its end
	(SELECT count(*) FROM gap WHERE gap.recording_id = recording.id) AS gaps, -- number of its gaps
	nullif(recording.filter, '') AS filter, -- as it was given; NULL for every process
	recording.kernel_release AS kernel_release, -- uname -r
	recording.corelate_version AS corelate_version -- of the recorder
FROM recording;

CREATE VIEW v_space AS
-- Address spaces: a process has one for each program that it ran, and one for a fork.
SELECT space.id AS id, -- space.id
	space.process_id AS process_id, -- process.id
	process.recording_id AS recording_id, -- recording.id
	process.pid AS pid, -- process
	space.comm AS comm, -- command name
	file.path AS executable, -- path of the program; NULL when not known
	CASE space.origin WHEN 1 THEN 'exec' WHEN 2 THEN 'fork' WHEN 3 THEN 'snapshot' WHEN 4 THEN 'mid-life'
		ELSE 'unknown' END AS origin, -- how it began to be seen: exec, fork, snapshot or mid-life
	nullif(space.parent_space_id, 0) AS parent_space_id, -- space.id that it was forked from; NULL for none
	datetime((space.from_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (space.from_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS since,
		-- UTC; when it began, or began to be seen
	CASE WHEN space.to_ns > 0 THEN
		datetime((space.to_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (space.to_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS until,
		-- UTC; when it ended; NULL while in use
	printf('0x%x', space.auxv_entry) AS entry, -- address; entry of the program
	printf('0x%x', space.auxv_base) AS base, -- address; of the dynamic linker; 0x0 for a static program
	printf('0x%x', space.auxv_sysinfo_ehdr) AS vdso -- address; of the vdso
FROM space
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id
LEFT JOIN file ON file.id = space.executable_file_id;

CREATE VIEW v_thread AS
-- Births of threads.
SELECT thread_start.id AS id, -- thread_start.id
	datetime((thread_start.time_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (thread_start.time_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date, -- UTC; birth
	thread_start.time_ns / 1e9 AS seconds, -- s; the same since the boot
	thread_start.process_id AS process_id, -- process.id
	process.pid AS pid, -- process
	thread_start.tid AS tid, -- thread
	process.comm AS comm -- command name of the process
FROM thread_start
LEFT JOIN process ON process.id = thread_start.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

CREATE VIEW v_signal AS
-- Signals as they were delivered, those that did not kill as well.
SELECT signal.id AS id, -- signal.id
	datetime((signal.time_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (signal.time_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date, -- UTC; delivery
	signal.time_ns / 1e9 AS seconds, -- s; the same since the boot
	signal.space_id AS space_id, -- space.id
	process.pid AS pid, -- process
	signal.tid AS tid, -- thread that got it
	signal.comm AS comm, -- name of that thread
	coalesce(signal_name.name, 'signal ' || signal.number) AS signal, -- its name, such as SIGSEGV
	coalesce(own_code.name, any_code.name, 'code ' || signal.code) AS code,
		-- why, by the signal's own word, such as SEGV_MAPERR
	printf('0x%x', signal.address) AS address, -- address; that the signal carries; 0x0 when it carries none
	signal.fatal AS fatal, -- 1 when it takes its default action and that ends the process
	CASE signal.handler WHEN 0 THEN 'default' WHEN 1 THEN 'ignored' ELSE printf('0x%x', signal.handler) END AS handler,
		-- default, ignored, or the address of the handler
	printf('0x%x', signal.rip) AS ip, -- address; instruction at which the thread was
	printf('0x%x', signal.rsp) AS sp, -- address; its stack pointer
	nullif(signal.sender_pid, 0) AS sender_pid -- process that sent it; NULL for none
FROM signal
LEFT JOIN process ON process.id = signal.process_id
LEFT JOIN recording ON recording.id = process.recording_id
LEFT JOIN signal_name ON signal_name.number = signal.number
LEFT JOIN signal_code_name AS own_code ON own_code.number = signal.number AND own_code.code = signal.code
LEFT JOIN signal_code_name AS any_code ON any_code.number = 0 AND any_code.code = signal.code;

CREATE VIEW v_pending_uretprobe AS
-- Uretprobes that were pending in the threads of dying processes.
SELECT return_instance.id AS id, -- return_instance.id
	nullif(return_instance.signal_id, 0) AS signal_id, -- signal.id of the death; NULL for an exit
	nullif(return_instance.exit_state_id, 0) AS exit_state_id, -- exit_state.id of the death; NULL for a signal
	coalesce(signal.space_id, exit_state.space_id) AS space_id, -- space.id
	coalesce(signal.time_ns, exit_state.time_ns) / 1e9 AS seconds, -- s; the death, since the boot
	process.pid AS pid, -- process that died
	return_instance.tid AS tid, -- thread in which it was pending
	return_instance.depth AS depth, -- 0 is the innermost of its thread
	printf('0x%x', return_instance.function) AS function, -- address; where the probed function begins
	printf('0x%x', return_instance.stack) AS stack, -- address; the stack slot whose return address was replaced
	printf('0x%x', return_instance.return_address) AS return_address, -- address; the true one
	return_instance.chained AS chained, -- 1 when it shares its slot with the next one (a tail call)
	return_instance.inode AS inode, -- inode number of the probed file
	printf('0x%x', return_instance.offset) AS offset -- bytes; the probe's place in that file, in hexadecimal
FROM return_instance
LEFT JOIN signal ON signal.id = return_instance.signal_id
LEFT JOIN exit_state ON exit_state.id = return_instance.exit_state_id AND return_instance.signal_id = 0
LEFT JOIN process ON process.id = coalesce(signal.process_id, exit_state.process_id);
