-- SPDX-License-Identifier: MIT
-- Question: Which code allocated blocks that were never given back?
-- Parameter: pid number optional: of this process alone.
-- Parameter: limit number = 50: how many call sites.
-- Column: alive: blocks that were not given back before the end of the record or of the process.
-- Column: alive_bytes: their size.
-- Column: freed: blocks from the same place that were given back.
-- Column: comm: command name.
-- Column: pid: process.
-- Column: caller: the place.
-- Column: oldest: date of the oldest that stayed, UTC.
-- Column: youngest: date of the youngest.
-- Column: example_block: address of one of them.
-- Column: example_call: heap.id of the call that handed it out.
-- Example: corelate sql heap-leaks 4242
--
-- Needs a recording of the heap (corelate record --heap).
WITH site AS (
	SELECT made.space_id AS space_id, made.top_word AS top_word, sum(life.gone_call IS NULL) AS alive,
		sum(life.size) FILTER (WHERE life.gone_call IS NULL) AS bytes, count(life.gone_call) AS freed,
		min(made.enter_ns) FILTER (WHERE life.gone_call IS NULL) AS oldest,
		max(made.enter_ns) FILTER (WHERE life.gone_call IS NULL) AS youngest,
		max(made.id) FILTER (WHERE life.gone_call IS NULL) AS example
	FROM heap_life AS life CROSS JOIN heap AS made ON made.id = life.made_call
	WHERE life.made_call IS NOT NULL
	GROUP BY made.space_id, made.top_word HAVING alive > 0
)
SELECT site.alive AS alive,
	site.bytes AS alive_bytes,
	site.freed AS freed,
	space.comm AS comm,
	process.pid AS pid,
	coalesce(symbol(site.space_id, site.top_word, site.youngest), addr(site.top_word)) AS caller,
	date_of(site.oldest, process.recording_id) AS oldest,
	date_of(site.youngest, process.recording_id) AS youngest,
	addr(heap.block) AS example_block,
	site.example AS example_call
FROM site
JOIN heap ON heap.id = site.example
JOIN space ON space.id = site.space_id
JOIN process ON process.id = space.process_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY alive_bytes DESC, alive DESC
LIMIT :limit
