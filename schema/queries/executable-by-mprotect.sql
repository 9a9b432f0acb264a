-- SPDX-License-Identifier: MIT
-- Question: Which memory was made executable after it had been mapped, and by whom?
-- Parameter: pid number optional: of this process alone.
-- Parameter: limit number = 50: how many call sites.
-- Column: comm: command name.
-- Column: pid: process.
-- Column: calls: of mprotect or pkey_mprotect with PROT_EXEC that succeeded.
-- Column: writable: those of them that left it writable as well.
-- Column: bytes: of all these calls.
-- Column: example: a range.
-- Column: caller: where it was called.
-- Column: last: date of the last, UTC.
-- Column: event: event.id of the last.
-- Example: corelate sql executable-by-mprotect
--
-- Compilers at run time do this all the time; a program without one that does it deserves a look.
WITH site AS (
	SELECT space_id, top_word, ip, count(*) AS calls, sum(a2 >> 1 & 1) AS writable, sum(page_ceil(a1)) AS bytes,
		max(id) AS last
	FROM event WHERE kind IN (5, 6) AND result = 0 AND a2 & 4
	GROUP BY space_id, top_word, ip
)
SELECT space.comm AS comm,
	process.pid AS pid,
	site.calls AS calls,
	site.writable AS writable,
	site.bytes AS bytes,
	addr(event.a0) || '-' || addr(event.a0 + page_ceil(event.a1)) AS example,
	coalesce(symbol(site.space_id, site.top_word, event.enter_ns), symbol(site.space_id, site.ip, event.enter_ns),
		addr(site.ip)) AS caller,
	date_of(event.enter_ns, process.recording_id) AS last,
	event.id AS event
FROM site
JOIN event ON event.id = site.last
JOIN space ON space.id = site.space_id
JOIN process ON process.id = space.process_id
WHERE :pid IS NULL OR process.pid = :pid
ORDER BY writable DESC, calls DESC
LIMIT :limit
