-- SPDX-License-Identifier: MIT
-- Question: Which code allocates the most?
-- Parameter: pid number optional: of this process alone.
-- Parameter: limit number = 50: how many call sites.
-- Column: calls: blocks that were handed out.
-- Column: bytes: that were asked for in all.
-- Column: alive: blocks that were not given back.
-- Column: alive_bytes: their size.
-- Column: mean_us: mean life of those that were given back, in microseconds.
-- Column: comm: command name.
-- Column: pid: process.
-- Column: caller: the place.
-- Column: function: of the allocator that was called.
-- Column: example_call: heap.id of the last block.
-- Example: corelate sql heap-churn 4242
--
-- Needs a recording of the heap (corelate record --heap). A malloc inside operator new counts once, as operator new.
WITH site AS (
	SELECT made.space_id AS space_id, made.top_word AS top_word, made.function_id AS function_id,
		count(*) AS calls, sum(life.size) AS bytes, sum(life.gone_call IS NULL) AS alive,
		coalesce(sum(life.size) FILTER (WHERE life.gone_call IS NULL), 0) AS alive_bytes,
		avg(gone.enter_ns - made.enter_ns) / 1e3 AS mean_us, max(made.id) AS last_id,
		max(made.enter_ns) AS last_ns
	FROM heap_life AS life
	CROSS JOIN heap AS made ON made.id = life.made_call
	LEFT JOIN heap AS gone ON gone.id = life.gone_call
	WHERE life.made_call IS NOT NULL
	GROUP BY made.space_id, made.top_word, made.function_id
)
SELECT site.calls AS calls,
	site.bytes AS bytes,
	site.alive AS alive,
	site.alive_bytes AS alive_bytes,
	round(site.mean_us, 1) AS mean_us,
	space.comm AS comm,
	process.pid AS pid,
	coalesce(symbol(site.space_id, site.top_word, site.last_ns), addr(site.top_word)) AS caller,
	function.name AS function,
	site.last_id AS example_call
FROM site
JOIN space ON space.id = site.space_id
JOIN process ON process.id = space.process_id
LEFT JOIN function ON function.id = site.function_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY site.calls DESC, example_call DESC
LIMIT :limit
