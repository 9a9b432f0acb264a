-- SPDX-License-Identifier: MIT
-- Question: Which heap blocks lived longest before they were given back?
-- Parameter: pid number optional: of this process alone.
-- Parameter: limit number = 50: how many blocks.
-- Column: seconds: from the call that handed it out to the one that gave it back.
-- Column: block: address.
-- Column: size: bytes that were asked for.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: made_date: UTC.
-- Column: made_by: where it was allocated.
-- Column: made_tid: by which thread.
-- Column: freed_by: where it was given back.
-- Column: freed_tid: by which thread.
-- Column: made_call: heap.id.
-- Column: freed_call: heap.id.
-- Example: corelate sql longest-lived-freed 4242
--
-- Needs a recording of the heap (corelate record --heap). What outlives everything and is freed all the same is what
-- others may still have pointers to.
WITH longest AS MATERIALIZED (
	SELECT life.space_id AS space_id, life.block AS block, life.size AS size, life.made_call AS made_call,
		life.gone_call AS gone_call, gone.enter_ns - made.enter_ns AS lived_ns
	FROM heap_life AS life
	CROSS JOIN heap AS made ON made.id = life.made_call
	CROSS JOIN heap AS gone ON gone.id = life.gone_call
	JOIN space ON space.id = life.space_id
	JOIN process ON process.id = space.process_id
	WHERE life.gone_call IS NOT NULL AND life.made_call IS NOT NULL AND (:pid IS NULL OR process.pid = :pid)
	ORDER BY lived_ns DESC, life.gone_call LIMIT :limit
)
SELECT longest.lived_ns / 1e9 AS seconds,
	addr(longest.block) AS block,
	longest.size AS size,
	process.pid AS pid,
	space.comm AS comm,
	date_of(made.enter_ns, process.recording_id) AS made_date,
	coalesce(symbol(longest.space_id, made.top_word, made.enter_ns), addr(made.top_word)) AS made_by,
	made.tid AS made_tid,
	coalesce(symbol(longest.space_id, gone.top_word, gone.enter_ns), addr(gone.top_word)) AS freed_by,
	gone.tid AS freed_tid,
	longest.made_call AS made_call,
	longest.gone_call AS freed_call
FROM longest
JOIN heap AS made ON made.id = longest.made_call
JOIN heap AS gone ON gone.id = longest.gone_call
JOIN space ON space.id = longest.space_id
JOIN process ON process.id = space.process_id
ORDER BY longest.lived_ns DESC, longest.gone_call
