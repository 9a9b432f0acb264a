-- SPDX-License-Identifier: MIT
-- Question: When was recorded, what was looked at, and do the books balance?
-- Column: recording: recording.id.
-- Column: started: UTC.
-- Column: ended: NULL while it runs, or when it was killed.
-- Column: complete_until: everything before was stored or counted as lost.
-- Column: filter: what was recorded; NULL for every process.
-- Column: processes: that were seen.
-- Column: crashes: processes that died of a signal.
-- Column: emitted: events that the kernel side tried to hand over; NULL unless it ended well.
-- Column: stored: those of them that were stored.
-- Column: lost: those that were lost and counted.
-- Column: balance: emitted - stored - lost; anything but 0 is an event that nobody counted.
-- Column: gaps: spans over which events were lost.
-- Column: boot_id: times of different boots cannot be compared.
-- Column: kernel: release.
-- Column: version: of corelate.
-- Example: corelate sql recordings
SELECT recording.id AS recording,
	date_of(recording.started_ns, recording.id) AS started,
	CASE WHEN recording.ended_ns > 0 THEN date_of(recording.ended_ns, recording.id) END AS ended,
	CASE WHEN recording.last_commit_ns > 0 THEN date_of(recording.last_commit_ns, recording.id) END AS complete_until,
	nullif(recording.filter, '') AS filter,
	(SELECT count(*) FROM process WHERE process.recording_id = recording.id) AS processes,
	(SELECT count(DISTINCT signal.process_id) FROM signal JOIN process ON process.id = signal.process_id
		WHERE signal.fatal = 1 AND process.recording_id = recording.id) AS crashes,
	CASE WHEN recording.ended_ns > 0 THEN recording.emitted END AS emitted,
	CASE WHEN recording.ended_ns > 0 THEN recording.stored END AS stored,
	CASE WHEN recording.ended_ns > 0 THEN recording.lost END AS lost,
	CASE WHEN recording.ended_ns > 0 THEN recording.emitted - recording.stored - recording.lost END AS balance,
	(SELECT count(*) FROM gap WHERE gap.recording_id = recording.id) AS gaps,
	recording.boot_id AS boot_id,
	recording.kernel_release AS kernel,
	recording.corelate_version AS version
FROM recording ORDER BY recording.id DESC
