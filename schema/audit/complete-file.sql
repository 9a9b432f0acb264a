-- SPDX-License-Identifier: MIT
-- Rule: a file has its path
SELECT 0, 'file', id,
	printf('file %d (device %d:%d, inode %d) has no path', id, device_major, device_minor, inode)
FROM file
WHERE path = ''
