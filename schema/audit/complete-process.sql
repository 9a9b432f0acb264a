-- SPDX-License-Identifier: MIT
-- Rule: a process has its pids, start, parent, users, cgroup and name
SELECT recording_id, 'process', id, printf('process %d (pid %d, %s) lacks%s', id, pid, comm, missing)
FROM (SELECT process.*,
		iif(pid = 0, ' pid', '') || iif(namespace_pid = 0, ' namespace_pid', '')
		-- only the first process and the first of the kernel's own have no parent
		|| iif(parent_pid = 0 AND pid > 2, ' parent_pid', '')
		|| iif(start_ns = 0, ' start_ns', '') || iif(first_seen_ns = 0, ' first_seen_ns', '')
		|| iif(cgroup_id = 0, ' cgroup_id', '') || iif(process.comm = '', ' comm', '')
		-- recorders of older records did not tell
		|| iif(last_uid IS NULL AND recording.abi_version >= 6, ' last_uid', '') AS missing
	FROM process
	LEFT JOIN recording ON recording.id = recording_id)
WHERE missing <> ''
