-- SPDX-License-Identifier: MIT
-- The tables. Comments stand inside the statements so that SQLite keeps them: `.schema event` shows them.
--
-- Common units: *_ns is nanoseconds of CLOCK_BOOTTIME. Addresses are addresses of the recorded process, kept as signed
-- 64-bit integers (printf('0x%x', address) shows them right). An id is positive, and 0 in a column that names a row
-- means "none". No foreign key is enforced: a row may refer to one that was lost.

CREATE TABLE recording (
	-- One run of the recorder. Permanent.
	id INTEGER PRIMARY KEY,
	boot_id TEXT NOT NULL,               -- uuid of the boot; times of different boots cannot be compared
	started_ns INTEGER NOT NULL,         -- ns; from here on every event that passes the filter is emitted
	ended_ns INTEGER NOT NULL,           -- ns; 0 while it runs, and for ever when it was killed
	last_commit_ns INTEGER NOT NULL,     -- ns; everything emitted before was stored or counted as lost
	realtime_offset_ns INTEGER NOT NULL, -- ns; added to a time it gives the date (UTC, since 1970)
	abi_version INTEGER NOT NULL,        -- of the records that the kernel side made
	emitted INTEGER NOT NULL,            -- events; what the kernel side tried to hand over
	stored INTEGER NOT NULL,             -- events; those of them that were stored
	lost INTEGER NOT NULL,               -- events; those of them that were lost, see gap
	kernel_release TEXT NOT NULL,        -- uname -r
	filter TEXT NOT NULL,                -- as it was given; empty for every process
	corelate_version TEXT NOT NULL       -- of the recorder
) STRICT;

CREATE TABLE process (
	-- A process: a boot, a pid and a start time. Permanent.
	id INTEGER PRIMARY KEY,
	recording_id INTEGER NOT NULL,  -- recording.id
	pid INTEGER NOT NULL,           -- thread group id in the initial pid namespace
	namespace_pid INTEGER NOT NULL, -- the same in its own pid namespace; a core names this one
	parent_pid INTEGER NOT NULL,    -- pid of the parent; 0 when not known
	uid INTEGER NOT NULL,           -- real user id when first seen
	start_ns INTEGER NOT NULL,      -- ns; start of the thread group's leader
	first_seen_ns INTEGER NOT NULL, -- ns; first record about it
	exit_ns INTEGER NOT NULL,       -- ns; 0 while alive, or when its end was not seen
	exit_status INTEGER NOT NULL,   -- as wait(2) gives it; valid when exit_ns is set
	cgroup_id INTEGER NOT NULL,     -- inode number of its cgroup (v2)
	comm TEXT NOT NULL              -- command name, at most 15 bytes
) STRICT;

CREATE TABLE space (
	-- An address space: what exec and fork make, and what a core is a picture of. Permanent.
	id INTEGER PRIMARY KEY,
	process_id INTEGER NOT NULL,         -- process.id of the one that it was made for
	parent_space_id INTEGER NOT NULL,    -- space.id that it was forked from, whose history before from_ns is its own
	origin INTEGER NOT NULL,             -- 1 exec, 2 fork, 3 snapshot of a running process, 4 seen in mid-life
	from_ns INTEGER NOT NULL,            -- ns; when it began, or began to be seen
	to_ns INTEGER NOT NULL,              -- ns; when it ended; 0 while in use
	auxv_sysinfo_ehdr INTEGER NOT NULL,  -- address; AT_SYSINFO_EHDR, the vdso; 0 when absent
	auxv_random INTEGER NOT NULL,        -- address; AT_RANDOM, 16 random bytes on the first stack
	auxv_entry INTEGER NOT NULL,         -- address; AT_ENTRY, the program's entry
	auxv_base INTEGER NOT NULL,          -- address; AT_BASE, the interpreter; 0 for a static program
	comm TEXT NOT NULL,                  -- command name, at most 15 bytes
	executable_file_id INTEGER NOT NULL  -- file.id of the program
) STRICT;

-- A core finds its address space by what ASLR made unique; AT_RANDOM alone nearly decides.
CREATE INDEX space_auxv ON space (auxv_random);

CREATE TABLE file (
	-- A file that was mapped or executed, as the kernel saw it at that moment. Permanent.
	id INTEGER PRIMARY KEY,
	device_major INTEGER NOT NULL, -- of the file system's device
	device_minor INTEGER NOT NULL, -- of the file system's device
	inode INTEGER NOT NULL,        -- inode number in that file system
	path TEXT NOT NULL,            -- as the process's mount namespace names it; empty when it has none
	UNIQUE (device_major, device_minor, inode, path)
) STRICT;

CREATE TABLE event (
	-- Memory events: one row a system call that changes an address space, in the order in which the calls returned.
	-- Permanent. It has no secondary index on purpose, because rows must arrive as fast as SQLite can append;
	-- event_block finds them. What the arguments mean for each kind is told in memory_kind.
	id INTEGER PRIMARY KEY,
	space_id INTEGER NOT NULL,    -- space.id
	tid INTEGER NOT NULL,         -- thread id in the initial pid namespace
	kind INTEGER NOT NULL,        -- memory_kind.kind
	enter_ns INTEGER NOT NULL,    -- ns; entry of the call
	duration_ns INTEGER NOT NULL, -- ns; from entry to exit; the effect came somewhere in it
	ip INTEGER NOT NULL,          -- address; just after the system call instruction; 0 for a mapping found in place
	sp INTEGER NOT NULL,          -- address; the stack pointer there
	top_word INTEGER NOT NULL,    -- the word at [sp], the caller where ip is in a leaf wrapper; 0 when not read
	result INTEGER NOT NULL,      -- what the call returned; -errno when it failed
	a0 INTEGER NOT NULL,          -- first argument, see memory_kind
	a1 INTEGER NOT NULL,          -- second argument
	a2 INTEGER NOT NULL,          -- third argument
	a3 INTEGER NOT NULL,          -- fourth argument
	a4 INTEGER NOT NULL,          -- fifth argument
	a5 INTEGER NOT NULL,          -- sixth argument
	file_id INTEGER NOT NULL      -- file.id of what was mapped; 0 for anonymous memory
) STRICT;

CREATE TABLE event_block (
	-- A summary of 1024 consecutive rows of event, by which a history skips what cannot matter. Rebuildable: when rows
	-- of this table and of event_block_space are deleted, their events are read one by one instead.
	last_event_id INTEGER PRIMARY KEY, -- event.id of the block's last event
	first_event_id INTEGER NOT NULL,   -- event.id of its first
	from_ns INTEGER NOT NULL,          -- ns; earliest enter_ns in it
	to_ns INTEGER NOT NULL,            -- ns; latest enter_ns in it
	low INTEGER NOT NULL,              -- address; lowest start of any range that an event added, removed or touched
	high INTEGER NOT NULL,             -- address; highest end of those; equal to low when there is no such range
	levels INTEGER NOT NULL,           -- bit n: the filter holds ranges as granules of 4096 << 2n bytes
	filter BLOB NOT NULL               -- Bloom filter over (space, level, granule), see store_block.c
) STRICT;

CREATE TABLE event_block_space (
	-- How many events of which address space each block has. Rebuildable, together with event_block.
	space_id INTEGER NOT NULL,      -- space.id
	last_event_id INTEGER NOT NULL, -- event_block.last_event_id
	events INTEGER NOT NULL,        -- number of its events in the block
	from_ns INTEGER NOT NULL,       -- ns; earliest enter_ns of those
	to_ns INTEGER NOT NULL,         -- ns; latest enter_ns of those
	PRIMARY KEY (space_id, last_event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE marker (
	-- Calls of prctl(2), which programs use as markers in their timeline. Permanent.
	id INTEGER PRIMARY KEY,
	space_id INTEGER NOT NULL, -- space.id
	tid INTEGER NOT NULL,      -- thread id in the initial pid namespace
	enter_ns INTEGER NOT NULL, -- ns; entry of the call
	exit_ns INTEGER NOT NULL,  -- ns; its return
	ip INTEGER NOT NULL,       -- address; just after the system call instruction
	option INTEGER NOT NULL,   -- first argument; 3 (PR_GET_DUMPABLE) ignores the others, so they carry the marker
	a0 INTEGER NOT NULL,       -- second argument; the marker's number when option is 4
	a1 INTEGER NOT NULL,       -- third argument; 0x6574616c65726f63 ("corelate") from the project's own macros
	a2 INTEGER NOT NULL,       -- fourth argument
	a3 INTEGER NOT NULL,       -- fifth argument
	result INTEGER NOT NULL,   -- what the call returned; -errno when it failed
	text TEXT                  -- the name that the call gives; NULL when it gives none
) STRICT;

-- The marker before and after a moment is looked up for a thread.
CREATE INDEX marker_thread ON marker (space_id, tid, enter_ns);

CREATE TABLE thread_start (
	-- The birth of a thread. Permanent.
	id INTEGER PRIMARY KEY,
	process_id INTEGER NOT NULL, -- process.id
	tid INTEGER NOT NULL,        -- thread id in the initial pid namespace
	time_ns INTEGER NOT NULL     -- ns
) STRICT;

CREATE TABLE signal (
	-- A signal as it was delivered, with the state of the thread that got it. Permanent.
	id INTEGER PRIMARY KEY,
	process_id INTEGER NOT NULL,    -- process.id
	space_id INTEGER NOT NULL,      -- space.id
	tid INTEGER NOT NULL,           -- thread id in the initial pid namespace
	namespace_tid INTEGER NOT NULL, -- the same in its own pid namespace
	time_ns INTEGER NOT NULL,       -- ns; the delivery
	number INTEGER NOT NULL,        -- signal_name.number
	code INTEGER NOT NULL,          -- si_code, see signal_code_name
	error_number INTEGER NOT NULL,  -- si_errno
	address INTEGER NOT NULL,       -- address; si_addr where the signal carries one
	sender_pid INTEGER NOT NULL,    -- si_pid where the code says that a process sent it
	sender_uid INTEGER NOT NULL,    -- si_uid likewise
	fatal INTEGER NOT NULL,         -- 1 when it takes its default action and that ends the process
	handler INTEGER NOT NULL,       -- address; 0 default action, 1 ignored, else the handler
	trampoline INTEGER NOT NULL,    -- address; the [uprobes] page; 0 when the process has none
	r15 INTEGER NOT NULL,           -- user registers at the delivery; all zero when they were not read
	r14 INTEGER NOT NULL,           -- register
	r13 INTEGER NOT NULL,           -- register
	r12 INTEGER NOT NULL,           -- register
	rbp INTEGER NOT NULL,           -- register; frame pointer, where code keeps one
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
	rip INTEGER NOT NULL,           -- address; the instruction
	eflags INTEGER NOT NULL,        -- register
	rsp INTEGER NOT NULL,           -- address; stack pointer
	comm TEXT NOT NULL,             -- name of the thread, at most 15 bytes
	directory TEXT NOT NULL         -- working directory when fatal; empty when not read
) STRICT;

-- Signals that do not kill can be many.
CREATE INDEX signal_space ON signal (space_id, fatal);
CREATE INDEX signal_fatal ON signal (process_id) WHERE fatal = 1;

CREATE TABLE return_instance (
	-- A uretprobe that was pending in a thread of a dying process: the kernel's struct return_instance. Permanent.
	id INTEGER PRIMARY KEY,
	signal_id INTEGER NOT NULL,      -- signal.id of the fatal signal
	tid INTEGER NOT NULL,            -- thread id in the initial pid namespace
	depth INTEGER NOT NULL,          -- 0 is the innermost of its thread
	function INTEGER NOT NULL,       -- address; where the probed function begins
	stack INTEGER NOT NULL,          -- address; the stack slot whose return address was replaced
	return_address INTEGER NOT NULL, -- address; the true one
	chained INTEGER NOT NULL,        -- 1 when it shares its slot with the next one (a tail call)
	device_major INTEGER NOT NULL,   -- the probed file's device
	device_minor INTEGER NOT NULL,   -- the probed file's device
	inode INTEGER NOT NULL,          -- the probed file's inode number
	offset INTEGER NOT NULL          -- bytes; the probe's place in that file
) STRICT;

CREATE INDEX return_instance_signal ON return_instance (signal_id, tid, depth);

CREATE TABLE gap (
	-- A span over which events were lost. Permanent. Over a gap nothing may be said not to have happened.
	id INTEGER PRIMARY KEY,
	recording_id INTEGER NOT NULL, -- recording.id
	pid INTEGER NOT NULL,          -- the process that it concerns; 0 when it may concern any
	cause INTEGER NOT NULL,        -- gap_cause.cause
	from_ns INTEGER NOT NULL,      -- ns; begin of the span
	to_ns INTEGER NOT NULL,        -- ns; end of it; 9223372036854775807 when it has none
	lost INTEGER NOT NULL          -- number of events; 0 when they cannot be counted
) STRICT;

CREATE INDEX gap_recording ON gap (recording_id);

CREATE TABLE memory_kind (
	-- Names of event.kind. Constant.
	kind INTEGER PRIMARY KEY,
	name TEXT NOT NULL,      -- the system call, or "seen" for a mapping found in place
	arguments TEXT NOT NULL  -- meaning of event.a0, a1, ...; after the colon that of event.result
) STRICT;

INSERT INTO memory_kind (kind, name, arguments) VALUES
	(1, 'seen', 'address, length, PROT flags, MAP flags, 0, offset in the file'),
	(2, 'mmap', 'address, length, PROT flags, MAP flags, descriptor, offset: address'),
	(3, 'munmap', 'address, length: 0'),
	(4, 'mremap', 'old address, old length, new length, MREMAP flags, new address: address'),
	(5, 'mprotect', 'address, length, PROT flags: 0'),
	(6, 'pkey_mprotect', 'address, length, PROT flags, key: 0'),
	(7, 'madvise', 'address, length, advice: 0'),
	(8, 'brk', 'requested end, end before: end after'),
	(9, 'shmat', 'segment, address, SHM flags, length: address'),
	(10, 'shmdt', 'address, length: 0');

CREATE TABLE gap_cause (
	-- Names of gap.cause. Constant.
	cause INTEGER PRIMARY KEY,
	name TEXT NOT NULL -- a phrase
) STRICT;

INSERT INTO gap_cause (cause, name) VALUES
	(1, 'ring buffer full'),
	(2, 'recorder''s queue full'),
	(3, 'size limit of the store reached'),
	(4, 'database error'),
	(5, 'program not run by the kernel'),
	(6, 'no room for state in the kernel'),
	(7, 'recorder ended uncleanly');

CREATE TABLE signal_name (
	-- Names of signal.number (x86-64 and arm64). Constant.
	number INTEGER PRIMARY KEY,
	name TEXT NOT NULL -- as <signal.h> has it
) STRICT;

INSERT INTO signal_name (number, name) VALUES
	(1, 'SIGHUP'), (2, 'SIGINT'), (3, 'SIGQUIT'), (4, 'SIGILL'), (5, 'SIGTRAP'), (6, 'SIGABRT'), (7, 'SIGBUS'),
	(8, 'SIGFPE'), (9, 'SIGKILL'), (10, 'SIGUSR1'), (11, 'SIGSEGV'), (12, 'SIGUSR2'), (13, 'SIGPIPE'),
	(14, 'SIGALRM'), (15, 'SIGTERM'), (16, 'SIGSTKFLT'), (17, 'SIGCHLD'), (18, 'SIGCONT'), (19, 'SIGSTOP'),
	(20, 'SIGTSTP'), (21, 'SIGTTIN'), (22, 'SIGTTOU'), (23, 'SIGURG'), (24, 'SIGXCPU'), (25, 'SIGXFSZ'),
	(26, 'SIGVTALRM'), (27, 'SIGPROF'), (28, 'SIGWINCH'), (29, 'SIGIO'), (30, 'SIGPWR'), (31, 'SIGSYS');

CREATE TABLE signal_code_name (
	-- Names of signal.code. Constant.
	number INTEGER NOT NULL, -- signal_name.number; 0 for codes that any signal may carry
	code INTEGER NOT NULL,   -- si_code
	name TEXT NOT NULL,      -- as <signal.h> or the kernel's siginfo.h has it
	PRIMARY KEY (number, code)
) STRICT, WITHOUT ROWID;

INSERT INTO signal_code_name (number, code, name) VALUES
	(0, 128, 'SI_KERNEL'), (0, 0, 'SI_USER'), (0, -1, 'SI_QUEUE'), (0, -2, 'SI_TIMER'), (0, -3, 'SI_MESGQ'),
	(0, -4, 'SI_ASYNCIO'), (0, -5, 'SI_SIGIO'), (0, -6, 'SI_TKILL'),
	(4, 1, 'ILL_ILLOPC'), (4, 2, 'ILL_ILLOPN'), (4, 3, 'ILL_ILLADR'), (4, 4, 'ILL_ILLTRP'), (4, 5, 'ILL_PRVOPC'),
	(4, 6, 'ILL_PRVREG'), (4, 7, 'ILL_COPROC'), (4, 8, 'ILL_BADSTK'),
	(5, 1, 'TRAP_BRKPT'), (5, 2, 'TRAP_TRACE'), (5, 3, 'TRAP_BRANCH'), (5, 4, 'TRAP_HWBKPT'), (5, 5, 'TRAP_UNK'),
	(5, 6, 'TRAP_PERF'),
	(7, 1, 'BUS_ADRALN'), (7, 2, 'BUS_ADRERR'), (7, 3, 'BUS_OBJERR'), (7, 4, 'BUS_MCEERR_AR'),
	(7, 5, 'BUS_MCEERR_AO'),
	(8, 1, 'FPE_INTDIV'), (8, 2, 'FPE_INTOVF'), (8, 3, 'FPE_FLTDIV'), (8, 4, 'FPE_FLTOVF'), (8, 5, 'FPE_FLTUND'),
	(8, 6, 'FPE_FLTRES'), (8, 7, 'FPE_FLTINV'), (8, 8, 'FPE_FLTSUB'),
	(11, 1, 'SEGV_MAPERR'), (11, 2, 'SEGV_ACCERR'), (11, 3, 'SEGV_BNDERR'), (11, 4, 'SEGV_PKUERR'),
	(11, 5, 'SEGV_ACCADI'), (11, 6, 'SEGV_ADIDERR'), (11, 7, 'SEGV_ADIPERR'), (11, 8, 'SEGV_MTEAERR'),
	(11, 9, 'SEGV_MTESERR'), (11, 10, 'SEGV_CPERR'),
	(31, 1, 'SYS_SECCOMP'), (31, 2, 'SYS_USER_DISPATCH');
