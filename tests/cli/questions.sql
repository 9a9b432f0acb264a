-- SPDX-License-Identifier: MIT
-- Beside the story of make_fixture.c: a process that gives every named query something to find, and something that it
-- must leave alone. Times are offsets from the second 1001 of the boot, in nanoseconds.
INSERT INTO file VALUES (10, 8, 1, 2001, '/opt/questions/bin/q'), (11, 8, 1, 2002, '/opt/questions/lib/plugin.so'),
	(12, 8, 1, 2003, '/opt/questions/data.bin');
INSERT INTO process VALUES
	(10, 1, 5001, 51, 5000, 1000, 1000900000000, 1000900000000, 1003000000000, 9, 77, 'questions', 1000),
	(11, 1, 5003, 53, 5000, 1000, 1000900000000, 1000900000000, 1003500000000, 1280, 77, 'sender', 1000);
INSERT INTO space VALUES
	(10, 10, 0, 1, 1000900000000, 1003000000000, 0, 100, 0, 0, 'questions', 10),
	(11, 11, 0, 1, 1000900000000, 0, 0, 101, 0, 0, 'sender', 10);
INSERT INTO thread_start (process_id, tid, time_ns) VALUES (10, 5002, 1001000000000);

CREATE TEMP TABLE todo (at, tid, kind, lasts, result, a0, a1, a2, a3, a4, a5, file);
INSERT INTO todo VALUES
	-- a library that is unmapped page by page: unloaded, and not twice
	(1000, 5002, 2, 500, 0x10000000, 0, 0x2000, 5, 2, 3, 0, 11),
	(2000, 5001, 3, 500, 0, 0x10000000, 0x1000, 0, 0, 0, 0, 0),
	(3000, 5001, 3, 500, 0, 0x10001000, 0x1000, 0, 0, 0, 0, 0),
	-- a part, then the whole with that part: the first page alone is unmapped twice, and nobody else's
	(4000, 5001, 2, 500, 0x20000000, 0, 0x2001, 3, 0x22, -1, 0, 0),
	(5000, 5001, 3, 500, 0, 0x20000000, 1, 0, 0, 0, 0, 0),
	(6000, 5002, 3, 500, 0, 0x20000000, 0x3000, 0, 0, 0, 0, 0),
	-- memory in use that another thread maps over
	(7000, 5001, 2, 500, 0x30000000, 0, 0x4000, 3, 0x22, -1, 0, 0),
	(8000, 5002, 2, 500, 0x30001000, 0x30001000, 0x1000, 3, 0x32, -1, 0, 0),
	-- a reservation that is made use of
	(9000, 5001, 2, 500, 0x40000000, 0, 0x10000, 0, 0x4022, -1, 0, 0),
	(10000, 5001, 2, 500, 0x40000000, 0x40000000, 0x1000, 3, 0x32, -1, 0, 0),
	(11000, 5001, 5, 500, 0, 0x30000000, 0x1000, 7, 0, 0, 0, 0),
	(12000, 5001, 2, 500, -12, 0, 0x10000000000, 3, 0x22, -1, 0, 0),
	(13000, 5001, 8, 500, 0x60000000, 0x60010000, 0x60000000, 0, 0, 0, 0, 0),
	-- one thread gives memory back and another gets it, and its call returns first: nothing is unmapped twice
	(14000, 5001, 2, 500, 0x50000000, 0, 0x1000, 3, 0x22, -1, 0, 0),
	(15100, 5002, 2, 200, 0x50000000, 0, 0x1000, 3, 0x22, -1, 0, 0),
	(15000, 5001, 3, 900, 0, 0x50000000, 0x1000, 0, 0, 0, 0, 0),
	(16000, 5002, 3, 500, 0, 0x50000000, 0x1000, 0, 0, 0, 0, 0),
	(17000, 5001, 2, 500, 0x70000000, 0, 0x4000, 1, 1, 3, 0, 12);
INSERT INTO event (space_id, tid, kind, enter_ns, duration_ns, ip, sp, top_word, result, a0, a1, a2, a3, a4, a5, file_id)
	SELECT 10, tid, kind, 1001000000000 + at, lasts, 0x400100 + tid % 2 * 16, 0x7ffe0000, 0, result, a0, a1, a2, a3, a4,
		a5, file FROM todo ORDER BY at + lasts;

INSERT INTO truncation VALUES (1, 1, 12, '', 2, 5003, 5003, 1000, 'sender', 1002000000000, 1002000001000, 16384, 100, 0, 0,
	0x400300, 0x7ffe0000, 0);

INSERT INTO signal SELECT 10, 10, 10, 5001, 51, 1002900000000, 9, 0, 0, 0, 5003, 1000, 1, 0, 0x7fffffffe000,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x400123, 0, 0x7ffe0000, 'questions', '/';
INSERT INTO exit_state SELECT 10, 11, 11, 5003, 53, 1003400000000, 1280, 0x7fffffffe000,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x400200, 0, 0x7ffe0000, 'sender';
INSERT INTO return_instance (signal_id, tid, depth, function, stack, return_address, chained, device_major, device_minor,
	inode, offset, exit_state_id) VALUES
	(10, 5001, 0, 0x401000, 0x7ffe0100, 0x400500, 0, 8, 1, 2001, 0x1000, 0),
	(0, 5003, 0, 0x402000, 0x7ffe0200, 0x400600, 0, 8, 1, 2001, 0x2000, 10);
INSERT INTO probe VALUES
	(10, 1, 2, '/opt/questions/bin/q', 8, 1, 2001, 8, 1, 2001, 0x1000, 1, 1, 0, 7, 0, 6000, 5, 'bpftrace', 0,
		'/user.slice', 1000950000000, 1000960000000, 1003900000000, 0),
	-- gone before
	(11, 1, 2, '/opt/questions/bin/q', 8, 1, 2001, 8, 1, 2001, 0x1000, 1, 1, 0, 8, 0, 6001, 6, 'perf', 0,
		'', 1000910000000, 1000920000000, 1000930000000, 1000940000000);

-- operator new and delete that call malloc and free: one block, given back once, by another thread
INSERT INTO function VALUES (20, 1, 10, 0x5000, 8, 'operator new(unsigned long)', '', ''),
	(21, 1, 10, 0x5100, 9, 'operator delete(void*)', '', '');
INSERT INTO heap VALUES
	(100, 10, 1, 1, 5001, 1001000020100, 50, 0x7f0000, 0x7ffe0ff0, 0x405020, 0, 0x80000010, 48, 0, 0),
	(101, 10, 20, 8, 5001, 1001000020000, 300, 0x405000, 0x7ffe1000, 0x400700, 0, 0x80000010, 48, 0, 0),
	(102, 10, 21, 9, 5002, 1001500020000, 0, 0x405100, 0x7ffe2000, 0x400800, 0x80000010, 0, 0, 0, 0),
	(103, 10, 2, 7, 5002, 1001500020100, 0, 0x7f0100, 0x7ffe1ff0, 0x405120, 0x80000010, 0, 0, 0, 0);

-- A descriptor that two functions close.
INSERT INTO syscall SELECT NULL, id, 4242, 3, 2000000000, 1000, 0, 7, 0, 0, 0x7ffff7a4f100, 0x7fffffffd000, 0 FROM space
	ORDER BY id LIMIT 1;
INSERT INTO syscall SELECT NULL, id, 4243, 3, 2000500000, 1000, -9, 7, 0, 0, 0x7ffff7a4f200, 0x7fffffffc000, 0 FROM space
	ORDER BY id LIMIT 1;
