-- SPDX-License-Identifier: MIT
-- What corelate gc has removed to keep the database within its size and age.

CREATE TABLE pruned (
	-- Processes whose rows were removed: a row a run of gc and recording. The books of a recording (emitted, stored, lost,
	-- its gaps) stay as they were, so that they may tell of more than there is. Of a process that has a row everything is
	-- there that was stored, and of those that it was forked from; nothing is left of one that was removed. Permanent.
	id INTEGER PRIMARY KEY,
	recording_id INTEGER NOT NULL, -- recording.id
	time_ns INTEGER NOT NULL,      -- ns since 1970; the run of gc
	processes INTEGER NOT NULL,    -- number of them
	deaths INTEGER NOT NULL,       -- those of them whose death by a signal, or by an exit under uretprobes, was recorded
	until_ns INTEGER NOT NULL      -- ns; the latest end of one, or of the recording where that was not seen
) STRICT;

CREATE INDEX pruned_recording ON pruned (recording_id);

CREATE TABLE prune_rest (
	-- What gc has removed and whose other rows it still has to remove; nobody can reach those any more. Gone when it has
	-- done so: what is here after it was killed is taken up by its next run.
	what INTEGER NOT NULL, -- 1 process, 2 space, 3 the stacks that nobody names
	id INTEGER NOT NULL,   -- process.id or space.id of the row that was removed; 0 for stacks
	PRIMARY KEY (what, id)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_pruned AS
-- Runs of gc that removed processes, with dates.
SELECT pruned.id AS id, -- pruned.id
	pruned.recording_id AS recording_id, -- recording.id
	datetime(pruned.time_ns / 1000000000, 'unixepoch') AS date, -- UTC; the run of gc
	pruned.processes AS processes, -- number of processes that were removed
	pruned.deaths AS deaths, -- number of those whose death was recorded
	datetime((pruned.until_ns + recording.realtime_offset_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (pruned.until_ns + recording.realtime_offset_ns) / 1000 % 1000000) AS until
		-- UTC; the latest end of one of them
FROM pruned
LEFT JOIN recording ON recording.id = pruned.recording_id;

DROP VIEW v_recording;
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
	recording.corelate_version AS corelate_version, -- of the recorder
	(SELECT coalesce(sum(pruned.processes), 0) FROM pruned WHERE pruned.recording_id = recording.id) AS pruned
		-- number of its processes that gc has removed, see v_pruned
FROM recording;
