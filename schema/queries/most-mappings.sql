-- SPDX-License-Identifier: MIT
-- Question: Which processes have, or had at their end, the most mappings?
-- Parameter: limit number = 20: how many processes.
-- Column: pid: process.
-- Column: comm: command name.
-- Column: mappings: pieces that were mapped at the end of the record or of the process; the kernel refuses more than
--   vm.max_map_count, by default 65530, but joins neighbours that are alike.
-- Column: bytes: their size.
-- Column: made: mappings that were made in all.
-- Column: unmapped: pieces that were unmapped or replaced in all.
-- Column: alive: 1 when its end is not known.
-- Column: space_id: address space; a process has one for each program that it ran.
-- Example: corelate sql most-mappings
SELECT process.pid AS pid,
	space.comm AS comm,
	count(*) FILTER (WHERE life.gone_event IS NULL) AS mappings,
	coalesce(sum(life."end" - life.start) FILTER (WHERE life.gone_event IS NULL), 0) AS bytes,
	count(DISTINCT life.made_event) AS made,
	count(life.gone_event) AS unmapped,
	process.exit_ns = 0 AS alive,
	life.space_id AS space_id
FROM mapping_life AS life
JOIN space ON space.id = life.space_id
JOIN process ON process.id = space.process_id
GROUP BY life.space_id
ORDER BY mappings DESC, made DESC
LIMIT :limit
