-- SPDX-License-Identifier: MIT
-- Question: Which code mapped memory that was never unmapped?
-- Parameter: pid number optional: of this process alone.
-- Parameter: limit number = 50: how many call sites.
-- Column: comm: command name.
-- Column: pid: process.
-- Column: mappings: calls whose memory, or a part of it, was still mapped at the end of the record or of the process.
-- Column: bytes: how much of it.
-- Column: unmapped: calls from the same place whose memory was unmapped whole.
-- Column: caller: the place.
-- Column: first: date of the oldest mapping that stayed, UTC.
-- Column: last: date of the youngest.
-- Column: example_event: event.id of one of them.
-- Example: corelate sql mapping-leaks 4242
--
-- Anonymous memory alone. What a program needs to its end is here, too: a leak is what has many mappings and goes on
-- growing.
WITH made AS (
	SELECT made_event, max(gone_event IS NULL) AS stays,
		sum("end" - start) FILTER (WHERE gone_event IS NULL) AS bytes
	FROM mapping_life WHERE file_id IS NULL GROUP BY made_event
), site AS (
	SELECT event.space_id AS space_id, event.top_word AS top_word, event.ip AS ip,
		sum(made.stays) AS mappings, sum(made.bytes) AS bytes, sum(1 - made.stays) AS unmapped,
		min(event.enter_ns) FILTER (WHERE made.stays) AS first_ns,
		max(event.enter_ns) FILTER (WHERE made.stays) AS last_ns,
		max(event.id) FILTER (WHERE made.stays) AS example
	FROM made JOIN event ON event.id = made.made_event
	WHERE event.kind = 2 GROUP BY event.space_id, event.top_word, event.ip HAVING sum(made.stays) > 0
)
SELECT space.comm AS comm,
	process.pid AS pid,
	site.mappings AS mappings,
	site.bytes AS bytes,
	site.unmapped AS unmapped,
	coalesce(symbol(site.space_id, site.top_word, site.last_ns), symbol(site.space_id, site.ip, site.last_ns),
		addr(site.ip)) AS caller,
	date_of(site.first_ns, process.recording_id) AS first,
	date_of(site.last_ns, process.recording_id) AS last,
	site.example AS example_event
FROM site
JOIN space ON space.id = site.space_id
JOIN process ON process.id = space.process_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY bytes DESC
LIMIT :limit
