-- SPDX-License-Identifier: MIT
-- Question: What takes the room in the database?
-- Column: name: table or index.
-- Column: rows: entries of it.
-- Column: bytes: that it takes in the file.
-- Column: share: of the file, in percent.
-- Example: corelate sql database-size
--
-- Without what is only in the log beside the file yet.
SELECT name,
	sum(ncell) FILTER (WHERE pagetype = 'leaf') AS rows,
	sum(pgsize) AS bytes,
	round(100.0 * sum(pgsize) / (SELECT sum(pgsize) FROM dbstat), 1) AS share
FROM dbstat
GROUP BY name
ORDER BY bytes DESC, name
