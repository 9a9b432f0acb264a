-- SPDX-License-Identifier: MIT
-- Who held which uprobe, and deaths without a signal.

CREATE TABLE probe (
	-- The ledger: a uprobe or uretprobe, and a process that held it while the recorder ran, whatever the recording's
	-- filter. One row a holder, place and kind. Permanent. It was there for certain from max(attached_ns, first_seen_ns)
	-- to last_seen_ns; the kernel tells no detaching, so that it went at some moment between last_seen_ns and gone_ns.
	id INTEGER PRIMARY KEY,
	recording_id INTEGER NOT NULL,      -- recording.id
	how INTEGER NOT NULL,               -- probe_how.how
	path TEXT NOT NULL,                 -- the probed file, as the kernel or tracefs names it; empty when not known
	device_major INTEGER NOT NULL,      -- of the inode that carries the breakpoint, as return_instance names it
	device_minor INTEGER NOT NULL,      -- likewise
	inode INTEGER NOT NULL,             -- likewise
	file_device_major INTEGER NOT NULL, -- of the file as mappings show it; another one on stacked file systems
	file_device_minor INTEGER NOT NULL, -- likewise
	file_inode INTEGER NOT NULL,        -- likewise
	offset INTEGER NOT NULL,            -- bytes; the probe's place in the file
	at_return INTEGER NOT NULL,         -- 1 a uretprobe, 0 a uprobe
	enabled INTEGER NOT NULL,           -- 0 for one that tracefs defines and nobody has switched on
	only_pid INTEGER NOT NULL,          -- the one process that it is for; 0 for any, -1 when not known
	program_id INTEGER NOT NULL,        -- of the BPF program behind it; 0 for none, or not known (yet)
	left_out INTEGER NOT NULL,          -- further probes of the same link that have no row
	holder_pid INTEGER NOT NULL,        -- process that holds it; 0 when nobody is known to
	holder_start_ns INTEGER NOT NULL,   -- ns; its start
	holder_comm TEXT NOT NULL,          -- its command name, at most 15 bytes
	holder_cgroup_id INTEGER NOT NULL,  -- inode number of its cgroup (v2); 0 when not known
	holder_cgroup TEXT NOT NULL,        -- path of that cgroup; empty when not known
	attached_ns INTEGER NOT NULL,       -- ns; when it was seen to be attached; 0 when it was found in place
	first_seen_ns INTEGER NOT NULL,     -- ns; first sight of it
	last_seen_ns INTEGER NOT NULL,      -- ns; last look at which it was there
	gone_ns INTEGER NOT NULL            -- ns; first sight of its absence; 0 when there was none
) STRICT;

CREATE INDEX probe_place ON probe (recording_id, inode, offset);

CREATE TABLE probe_how (
	-- Names of probe.how. Constant.
	how INTEGER PRIMARY KEY,
	name TEXT NOT NULL
) STRICT;

INSERT INTO probe_how (how, name) VALUES
	(1, 'perf event'),
	(2, 'BPF link'),
	(3, 'tracefs');

CREATE TABLE exit_state (
	-- A process that called exit_group with a status other than 0 while it had a [uprobes] page: a runtime whose unwinder
	-- meets a uretprobe may end so, without a signal and without a core. Permanent.
	id INTEGER PRIMARY KEY,
	process_id INTEGER NOT NULL,    -- process.id
	space_id INTEGER NOT NULL,      -- space.id
	tid INTEGER NOT NULL,           -- thread that called, in the initial pid namespace
	namespace_tid INTEGER NOT NULL, -- the same in its own pid namespace
	time_ns INTEGER NOT NULL,       -- ns; entry of the call
	status INTEGER NOT NULL,        -- as wait(2) gives it
	trampoline INTEGER NOT NULL,    -- address; the [uprobes] page
	r15 INTEGER NOT NULL,           -- user registers at the call
	r14 INTEGER NOT NULL,           -- register
	r13 INTEGER NOT NULL,           -- register
	r12 INTEGER NOT NULL,           -- register
	rbp INTEGER NOT NULL,           -- register
	rbx INTEGER NOT NULL,           -- register
	r11 INTEGER NOT NULL,           -- register
	r10 INTEGER NOT NULL,           -- register
	r9 INTEGER NOT NULL,            -- register
	r8 INTEGER NOT NULL,            -- register
	rax INTEGER NOT NULL,           -- register
	rcx INTEGER NOT NULL,           -- register
	rdx INTEGER NOT NULL,           -- register
	rsi INTEGER NOT NULL,           -- register
	rdi INTEGER NOT NULL,           -- register
	rip INTEGER NOT NULL,           -- address; instruction
	eflags INTEGER NOT NULL,        -- register
	rsp INTEGER NOT NULL,           -- address; stack pointer
	comm TEXT NOT NULL              -- name of the thread, at most 15 bytes
) STRICT;

CREATE INDEX exit_state_process ON exit_state (process_id);

-- exit_state.id of the death that a return_instance belongs to; its signal_id is 0 then.
ALTER TABLE return_instance ADD COLUMN exit_state_id INTEGER NOT NULL DEFAULT 0;
CREATE INDEX return_instance_exit_state ON return_instance (exit_state_id) WHERE exit_state_id > 0;

CREATE VIEW v_probe AS
-- Who held which uprobe, with dates. "since" is NULL when it was found in place, "gone" when it was never seen to go.
SELECT probe.id AS id,
	probe.recording_id AS recording_id,
	nullif(probe.holder_pid, 0) AS holder_pid,
	nullif(probe.holder_comm, '') AS holder,
	nullif(probe.holder_cgroup, '') AS cgroup,
	CASE WHEN probe.at_return THEN 'uretprobe' ELSE 'uprobe' END AS kind,
	probe.path AS path,
	printf('0x%x', probe.offset) AS offset,
	nullif(probe.only_pid, 0) AS only_pid,
	probe.enabled AS enabled,
	coalesce(probe_how.name, 'unknown') AS how,
	CASE WHEN probe.attached_ns > 0 THEN
		datetime((probe.attached_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (probe.attached_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS since,
	datetime((probe.last_seen_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (probe.last_seen_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS last_seen,
	CASE WHEN probe.gone_ns > 0 THEN
		datetime((probe.gone_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
			|| printf('.%06d', (probe.gone_ns + recording.realtime_offset_ns) / 1000 % 1000000) END AS gone
FROM probe
LEFT JOIN recording ON recording.id = probe.recording_id
LEFT JOIN probe_how ON probe_how.how = probe.how;

CREATE VIEW v_exit AS
-- Deaths by exit_group with a status other than 0 while uretprobes were or had been at work in the process.
SELECT exit_state.id AS id,
	datetime((exit_state.time_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (exit_state.time_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
	exit_state.time_ns / 1e9 AS seconds,
	exit_state.space_id AS space_id,
	process.pid AS pid,
	exit_state.tid AS tid,
	exit_state.comm AS comm,
	(exit_state.status >> 8) & 0xff AS status,
	printf('0x%x', exit_state.trampoline) AS trampoline,
	printf('0x%x', exit_state.rip) AS ip,
	printf('0x%x', exit_state.rsp) AS sp,
	(SELECT count(*) FROM return_instance WHERE return_instance.exit_state_id = exit_state.id) AS pending_uretprobes
FROM exit_state
LEFT JOIN process ON process.id = exit_state.process_id
LEFT JOIN recording ON recording.id = process.recording_id;
