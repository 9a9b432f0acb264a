-- SPDX-License-Identifier: MIT
-- Question: What was mapped when this process crashed?
-- Parameter: pid number: a process that died of a signal; of several the last.
-- Column: range: of the mapping, or of the piece that was left of it.
-- Column: bytes: its size.
-- Column: protection: as it was last told.
-- Column: path: its file; NULL for anonymous memory.
-- Column: made_by: the call that made it, or "seen" when it was there before.
-- Column: made_tid: thread that made it.
-- Column: made_date: when, UTC.
-- Column: caller: where that was called.
-- Column: fault: 1 where the signal's address lies.
-- Column: event: event.id of the call.
-- Example: corelate sql mappings-at-crash 4242
--
-- As the recorded events leave it: a lost event leaves a mapping that is not there, or hides one (see: corelate sql
-- gaps). What the process inherited from a fork is included.
WITH death AS MATERIALIZED (
	SELECT signal.space_id AS space_id, signal.time_ns AS time_ns, signal.address AS address,
		process.recording_id AS recording_id
	FROM signal JOIN process ON process.id = signal.process_id
	WHERE process.pid = :pid AND signal.fatal = 1 ORDER BY signal.time_ns DESC, signal.id LIMIT 1
)
SELECT addr(life.start) || '-' || addr(life."end") AS range,
	life."end" - life.start AS bytes,
	protection(life.protection) AS protection,
	file.path AS path,
	memory_kind.name AS made_by,
	made.tid AS made_tid,
	date_of(made.enter_ns, death.recording_id) AS made_date,
	coalesce(symbol(death.space_id, made.top_word, made.enter_ns),
		symbol(death.space_id, made.ip, made.enter_ns), nullif(addr(made.ip), '0x0')) AS caller,
	life.start <= death.address AND death.address < life."end" AS fault,
	made.id AS event
FROM death
CROSS JOIN mapping_life(death.space_id) AS life
JOIN event AS made ON made.id = life.made_event
LEFT JOIN event AS gone ON gone.id = life.gone_event
LEFT JOIN memory_kind ON memory_kind.kind = made.kind
LEFT JOIN file ON file.id = life.file_id
WHERE made.enter_ns <= death.time_ns AND (gone.id IS NULL OR gone.enter_ns > death.time_ns)
ORDER BY life.start
