-- SPDX-License-Identifier: MIT
-- User stacks at events, and the calls of probed functions: a heap's history, and what --probe asked for.

-- stack.id of the stack that was copied at the event; 0 for none.
ALTER TABLE event ADD COLUMN stack_id INTEGER NOT NULL DEFAULT 0;

-- What an address space was made of at some moment is asked for by its files.
CREATE INDEX event_file ON event (space_id) WHERE file_id > 0 OR kind = 1;

CREATE TABLE stack_block (
	-- A piece of stack memory; equal pieces share a row as far as the recorder remembers them. Permanent.
	id INTEGER PRIMARY KEY,
	size INTEGER NOT NULL, -- bytes; at most 512
	data BLOB NOT NULL     -- those bytes when it is as long as size, else one zstd frame that holds them
) STRICT;

CREATE TABLE stack_slice (
	-- Stack memory from the stack pointer upwards, as pieces one after the other. Permanent.
	id INTEGER PRIMARY KEY,
	size INTEGER NOT NULL, -- bytes
	blocks BLOB NOT NULL   -- stack_block.id of each piece, in LEB128
) STRICT;

CREATE TABLE stack (
	-- A user stack as it was copied at an event: nobody has unwound it. ip and sp are the event's. Equal stacks share a
	-- row as far as the recorder remembers them. Permanent.
	id INTEGER PRIMARY KEY,
	state INTEGER NOT NULL,       -- stack_state.state
	rbx INTEGER NOT NULL,         -- register; those that a called function keeps
	rbp INTEGER NOT NULL,         -- register
	r12 INTEGER NOT NULL,         -- register
	r13 INTEGER NOT NULL,         -- register
	r14 INTEGER NOT NULL,         -- register
	r15 INTEGER NOT NULL,         -- register
	asked_bytes INTEGER NOT NULL, -- bytes; the most that were to be copied: a slice of that size is cut off
	slice_id INTEGER NOT NULL     -- stack_slice.id; 0 when nothing was copied
) STRICT;

CREATE TABLE stack_state (
	-- Names of stack.state. Constant.
	state INTEGER PRIMARY KEY,
	name TEXT NOT NULL
) STRICT;

INSERT INTO stack_state (state, name) VALUES
	(1, 'whole'),
	(2, 'unreadable'),
	(3, 'skipped');

CREATE TABLE function (
	-- A function whose calls were recorded. Permanent.
	id INTEGER PRIMARY KEY,
	recording_id INTEGER NOT NULL, -- recording.id
	file_id INTEGER NOT NULL,      -- file.id
	offset INTEGER NOT NULL,       -- bytes; its entry in the file
	role INTEGER NOT NULL,         -- function_role.role
	name TEXT NOT NULL,            -- as the file names it
	signature TEXT NOT NULL,       -- as --probe gave it; empty for none
	hole TEXT NOT NULL             -- why not every call can be seen; empty when every one can
) STRICT;

CREATE INDEX function_recording ON function (recording_id);

CREATE TABLE function_role (
	-- Names of function.role and heap.role. Constant.
	role INTEGER PRIMARY KEY,
	name TEXT NOT NULL
) STRICT;

INSERT INTO function_role (role, name) VALUES
	(0, 'plain'), (1, 'malloc'), (2, 'calloc'), (3, 'realloc'), (4, 'reallocarray'), (5, 'aligned_alloc'),
	(6, 'posix_memalign'), (7, 'free'), (8, 'new'), (9, 'delete'), (10, 'usdt');

CREATE TABLE probe_coverage (
	-- From when on the calls of a recording's functions were seen in a process. Permanent.
	id INTEGER PRIMARY KEY,
	recording_id INTEGER NOT NULL, -- recording.id
	process_id INTEGER NOT NULL,   -- process.id; 0 for every process
	from_ns INTEGER NOT NULL,      -- ns
	heap INTEGER NOT NULL          -- 1 when heap functions are among them
) STRICT;

CREATE INDEX probe_coverage_recording ON probe_coverage (recording_id, process_id);

CREATE TABLE heap (
	-- Calls of heap functions, in the order in which the kernel side told them: at the return; of free at the entry.
	-- Permanent. Like event it has no secondary index; heap_block finds its rows.
	id INTEGER PRIMARY KEY,
	space_id INTEGER NOT NULL,    -- space.id
	function_id INTEGER NOT NULL, -- function.id
	role INTEGER NOT NULL,        -- function_role.role
	tid INTEGER NOT NULL,         -- thread id in the initial pid namespace
	enter_ns INTEGER NOT NULL,    -- ns; entry of the call
	duration_ns INTEGER NOT NULL, -- ns; from entry to return; 0 of a free; -1 when no return was seen
	ip INTEGER NOT NULL,          -- address; entry of the function
	sp INTEGER NOT NULL,          -- address; stack pointer there
	top_word INTEGER NOT NULL,    -- the word at [sp]: the return address; 0 when not read
	old_block INTEGER NOT NULL,   -- address; what was given back or resized; 0 for none
	block INTEGER NOT NULL,       -- address; what was handed out; 0 for none
	size INTEGER NOT NULL,        -- bytes asked for; of calloc and reallocarray the product, saturated
	alignment INTEGER NOT NULL,   -- bytes; 0 when not given
	stack_id INTEGER NOT NULL     -- stack.id; 0 when none was taken
) STRICT;

CREATE TABLE heap_block (
	-- A summary of 1024 consecutive rows of heap, as event_block is of event. Rebuildable.
	last_event_id INTEGER PRIMARY KEY, -- heap.id of the block's last call
	first_event_id INTEGER NOT NULL,   -- heap.id of its first
	from_ns INTEGER NOT NULL,          -- ns; earliest enter_ns in it
	to_ns INTEGER NOT NULL,            -- ns; latest enter_ns in it
	low INTEGER NOT NULL,              -- address; lowest block
	high INTEGER NOT NULL,             -- address; highest end of a block
	levels INTEGER NOT NULL,           -- bit n: the filter holds ranges as granules of 16 << 2n bytes
	filter BLOB NOT NULL               -- Bloom filter over (space, level, granule), see store_block.c
) STRICT;

CREATE TABLE call (
	-- Calls of functions of --probe, in the order of their returns. Permanent.
	id INTEGER PRIMARY KEY,
	space_id INTEGER NOT NULL,    -- space.id
	function_id INTEGER NOT NULL, -- function.id
	tid INTEGER NOT NULL,         -- thread id in the initial pid namespace
	enter_ns INTEGER NOT NULL,    -- ns; entry of the call
	duration_ns INTEGER NOT NULL, -- ns; from entry to return; -1 when no return was seen
	ip INTEGER NOT NULL,          -- address; entry of the function, or the place of the probe
	sp INTEGER NOT NULL,          -- address; stack pointer there
	top_word INTEGER NOT NULL,    -- the word at [sp]; 0 when not read
	a0 INTEGER NOT NULL,          -- arguments; 0 beyond those that the function was said to have
	a1 INTEGER NOT NULL,          -- argument
	a2 INTEGER NOT NULL,          -- argument
	a3 INTEGER NOT NULL,          -- argument
	a4 INTEGER NOT NULL,          -- argument
	a5 INTEGER NOT NULL,          -- argument
	result INTEGER NOT NULL,      -- what it returned; 0 when no return was seen
	t0 BLOB,                      -- the bytes that a string or buffer argument pointed to at the entry; NULL for none
	t1 BLOB,                      -- bytes
	t2 BLOB,                      -- bytes
	t3 BLOB,                      -- bytes
	t4 BLOB,                      -- bytes
	t5 BLOB,                      -- bytes
	stack_id INTEGER NOT NULL     -- stack.id; 0 when none was taken
) STRICT;

CREATE INDEX call_space ON call (space_id);

CREATE VIEW v_function AS
-- Functions whose calls were recorded. "hole" says why not every call can be seen.
SELECT function.id AS id,
	function.recording_id AS recording_id,
	function.name AS name,
	coalesce(function_role.name, 'unknown') AS role,
	nullif(function.signature, '') AS signature,
	file.path AS path,
	printf('0x%x', function.offset) AS offset,
	nullif(function.hole, '') AS hole
FROM function
LEFT JOIN function_role ON function_role.role = function.role
LEFT JOIN file ON file.id = function.file_id;

CREATE VIEW v_heap AS
-- Calls of heap functions with names and dates. "microseconds" is NULL when no return was seen.
SELECT heap.id AS id,
	datetime((heap.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (heap.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
	heap.enter_ns / 1e9 AS seconds,
	CASE WHEN heap.duration_ns >= 0 THEN heap.duration_ns / 1e3 END AS microseconds,
	heap.space_id AS space_id,
	process.pid AS pid,
	heap.tid AS tid,
	space.comm AS comm,
	coalesce(function_role.name, 'unknown') AS role,
	function.name AS function,
	CASE WHEN heap.old_block <> 0 THEN printf('0x%x', heap.old_block) END AS old_block,
	CASE WHEN heap.block <> 0 THEN printf('0x%x', heap.block) END AS block,
	heap.size AS size,
	nullif(heap.alignment, 0) AS alignment,
	printf('0x%x', heap.ip) AS ip,
	printf('0x%x', heap.sp) AS sp,
	printf('0x%x', heap.top_word) AS top_word,
	nullif(heap.stack_id, 0) AS stack_id
FROM heap
LEFT JOIN function ON function.id = heap.function_id
LEFT JOIN function_role ON function_role.role = heap.role
LEFT JOIN space ON space.id = heap.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

CREATE VIEW v_call AS
-- Calls of functions of --probe. A text stands for a string or buffer argument, the number for any other.
SELECT call.id AS id,
	datetime((call.enter_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (call.enter_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS date,
	call.enter_ns / 1e9 AS seconds,
	CASE WHEN call.duration_ns >= 0 THEN call.duration_ns / 1e3 END AS microseconds,
	call.space_id AS space_id,
	process.pid AS pid,
	call.tid AS tid,
	space.comm AS comm,
	function.name AS function,
	coalesce(CAST(call.t0 AS TEXT), printf('0x%x', call.a0)) AS a0,
	coalesce(CAST(call.t1 AS TEXT), printf('0x%x', call.a1)) AS a1,
	coalesce(CAST(call.t2 AS TEXT), printf('0x%x', call.a2)) AS a2,
	coalesce(CAST(call.t3 AS TEXT), printf('0x%x', call.a3)) AS a3,
	coalesce(CAST(call.t4 AS TEXT), printf('0x%x', call.a4)) AS a4,
	coalesce(CAST(call.t5 AS TEXT), printf('0x%x', call.a5)) AS a5,
	CASE WHEN call.duration_ns >= 0 THEN printf('0x%x', call.result) END AS result,
	printf('0x%x', call.ip) AS ip,
	printf('0x%x', call.sp) AS sp,
	printf('0x%x', call.top_word) AS top_word,
	nullif(call.stack_id, 0) AS stack_id
FROM call
LEFT JOIN function ON function.id = call.function_id
LEFT JOIN space ON space.id = call.space_id
LEFT JOIN process ON process.id = space.process_id
LEFT JOIN recording ON recording.id = process.recording_id;

CREATE VIEW v_stack AS
-- Stacks as they were copied. "cut_off" is 1 when there was more than was asked for.
SELECT stack.id AS id,
	coalesce(stack_state.name, 'unknown') AS state,
	coalesce(stack_slice.size, 0) AS bytes,
	stack.asked_bytes AS asked_bytes,
	coalesce(stack_slice.size >= stack.asked_bytes, 0) AS cut_off,
	printf('0x%x', stack.rbx) AS rbx,
	printf('0x%x', stack.rbp) AS rbp,
	printf('0x%x', stack.r12) AS r12,
	printf('0x%x', stack.r13) AS r13,
	printf('0x%x', stack.r14) AS r14,
	printf('0x%x', stack.r15) AS r15
FROM stack
LEFT JOIN stack_state ON stack_state.state = stack.state
LEFT JOIN stack_slice ON stack_slice.id = stack.slice_id;
