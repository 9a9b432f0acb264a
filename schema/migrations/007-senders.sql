-- SPDX-License-Identifier: MIT
-- Who sent the signals that processes died of.

CREATE TABLE signal_sender (
	-- The sending of a fatal signal by a process: at most one row a signal. The thread that sent it may have been in a
	-- handler; then what begins with first_ is the signal that this handler had been called for (or the one before, where
	-- that had been sent in a handler itself). Permanent.
	signal_id INTEGER PRIMARY KEY,      -- signal.id
	pid INTEGER NOT NULL,               -- process that sent it, recorded or not, in the initial pid namespace
	tid INTEGER NOT NULL,               -- its thread
	time_ns INTEGER NOT NULL,           -- ns; of the sending
	comm TEXT NOT NULL,                 -- name of that thread, at most 15 bytes
	first_number INTEGER NOT NULL,      -- signal_name.number; 0 when the sender was in no handler
	first_code INTEGER NOT NULL,        -- si_code, see signal_code_name
	first_address INTEGER NOT NULL,     -- address; si_addr where the signal carries one
	first_system_call INTEGER NOT NULL, -- si_syscall of SIGSYS, else -1
	first_sender_pid INTEGER NOT NULL,  -- si_pid where the code says that a process sent it
	first_pid INTEGER NOT NULL,         -- process that took it, in the initial pid namespace
	first_tid INTEGER NOT NULL,         -- its thread
	first_time_ns INTEGER NOT NULL,     -- ns; its delivery
	first_sender_comm TEXT NOT NULL     -- name of the thread that sent it; empty when not known
) STRICT;
