-- SPDX-License-Identifier: MIT
-- Question: What happened to this address, from the first event to the last?
-- Parameter: address address: an address of the recorded process.
-- Parameter: pid number optional: of this process alone.
-- Column: date: when the call began, UTC.
-- Column: pid: process.
-- Column: tid: thread.
-- Column: call: the system call, or "seen" for a mapping that was found in place.
-- Column: effect: made, unmapped, replaced or touched (its protection or its contents changed).
-- Column: range: the pages that the call had that effect on.
-- Column: protection: that the call gave it; NULL where it gives none.
-- Column: caller: where it was called.
-- Column: path: the file that was mapped.
-- Column: event: event.id.
-- Example: corelate sql address-history 0x7ffff7a4f234
WITH near AS MATERIALIZED (
	SELECT id, added_start, added_end, removed_start, removed_end, touched_start, touched_end,
		added_start <= :address AND :address < added_end AS is_added,
		(removed_start <= :address AND :address < removed_end)
			OR (removed2_start <= :address AND :address < removed2_end) AS is_removed
	FROM v_effect
	WHERE (added_start <= :address AND :address < added_end)
		OR (removed_start <= :address AND :address < removed_end)
		OR (removed2_start <= :address AND :address < removed2_end)
		OR (touched_start <= :address AND :address < touched_end)
)
SELECT date_of(event.enter_ns, recording.id) AS date,
	process.pid AS pid,
	event.tid AS tid,
	memory_kind.name AS call,
	CASE WHEN is_added AND is_removed THEN 'replaced' WHEN is_added THEN 'made' WHEN is_removed THEN 'unmapped'
		ELSE 'touched' END AS effect,
	CASE WHEN is_added THEN addr(added_start) || '-' || addr(added_end)
		WHEN is_removed THEN addr(removed_start) || '-' || addr(removed_end)
		ELSE addr(touched_start) || '-' || addr(touched_end) END AS range,
	CASE WHEN event.kind IN (1, 2, 5, 6) THEN protection(event.a2) END AS protection,
	coalesce(symbol(event.space_id, event.top_word, event.enter_ns),
		symbol(event.space_id, event.ip, event.enter_ns), nullif(addr(event.ip), '0x0')) AS caller,
	file.path AS path,
	event.id AS event
FROM near
JOIN event ON event.id = near.id
JOIN space ON space.id = event.space_id
JOIN process ON process.id = space.process_id
JOIN recording ON recording.id = process.recording_id
LEFT JOIN memory_kind ON memory_kind.kind = event.kind
LEFT JOIN file ON file.id = event.file_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY event.id
