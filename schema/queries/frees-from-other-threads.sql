-- SPDX-License-Identifier: MIT
-- Question: Which blocks are given back by another thread than the one that allocated them?
-- Parameter: pid number optional: of this process alone.
-- Parameter: limit number = 50: how many pairs of places.
-- Column: blocks: how many.
-- Column: bytes: their size.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: made_by: where they were allocated.
-- Column: freed_by: where they were given back.
-- Column: made_tids: how many threads allocated them.
-- Column: freed_tids: how many gave them back.
-- Column: shortest_us: shortest life of one of them, in microseconds.
-- Column: example_block: address of the last of them.
-- Column: example_call: heap.id of the call that gave it back.
-- Example: corelate sql frees-from-other-threads 4242
--
-- Needs a recording of the heap (corelate record --heap). No fault in itself: it is where ownership passes from thread
-- to thread.
WITH pair AS (
	SELECT made.space_id AS space_id, made.top_word AS made_word, gone.top_word AS gone_word, count(*) AS blocks,
		sum(life.size) AS bytes, count(DISTINCT made.tid) AS made_tids, count(DISTINCT gone.tid) AS freed_tids,
		min(gone.enter_ns - made.enter_ns) / 1e3 AS shortest_us, max(gone.id) AS example,
		max(gone.enter_ns) AS last_ns
	FROM heap_life AS life
	CROSS JOIN heap AS made ON made.id = life.made_call
	CROSS JOIN heap AS gone ON gone.id = life.gone_call
	WHERE life.gone_call IS NOT NULL AND life.made_call IS NOT NULL AND made.tid <> gone.tid
	GROUP BY made.space_id, made.top_word, gone.top_word
)
SELECT pair.blocks AS blocks,
	pair.bytes AS bytes,
	process.pid AS pid,
	space.comm AS comm,
	coalesce(symbol(pair.space_id, pair.made_word, pair.last_ns), addr(pair.made_word)) AS made_by,
	coalesce(symbol(pair.space_id, pair.gone_word, pair.last_ns), addr(pair.gone_word)) AS freed_by,
	pair.made_tids AS made_tids,
	pair.freed_tids AS freed_tids,
	pair.shortest_us AS shortest_us,
	addr(heap.old_block) AS example_block,
	pair.example AS example_call
FROM pair
JOIN heap ON heap.id = pair.example
JOIN space ON space.id = pair.space_id
JOIN process ON process.id = space.process_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY pair.blocks DESC, example_call DESC
LIMIT :limit
