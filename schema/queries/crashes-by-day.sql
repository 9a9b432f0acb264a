-- SPDX-License-Identifier: MIT
-- Question: How many processes died by a signal on each day?
-- Column: day: UTC.
-- Column: crashes: how many processes died.
-- Column: programs: how many different programs, by command name.
-- Column: dumped: how many of them left a core.
-- Column: most: the command name that died most.
-- Example: corelate sql crashes-by-day
WITH death AS (
	SELECT substr(v_crash.date, 1, 10) AS day, v_crash.comm AS comm, v_process.dumped_core AS dumped_core
	FROM v_crash JOIN signal ON signal.id = v_crash.id JOIN v_process ON v_process.id = signal.process_id
)
SELECT day,
	count(*) AS crashes,
	count(DISTINCT comm) AS programs,
	coalesce(sum(dumped_core), 0) AS dumped,
	(SELECT same.comm FROM death AS same WHERE same.day = death.day
		GROUP BY same.comm ORDER BY count(*) DESC, same.comm LIMIT 1) AS most
FROM death GROUP BY day ORDER BY day DESC
