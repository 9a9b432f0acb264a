#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Databases that were cut, changed, replaced in part, or filled with numbers that nobody recorded.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

fixture db=story.db core=core
mkdir cut changed lies results
"$build/tests/mutate" cut story.db cut 100
# The first hundred bytes are SQLite's header: changed, they stop the reader at once.
"$build/tests/mutate" change story.db changed 300 100

# lie NAME SQL: a database in which somebody has run SQL.
lie() {
	cp story.db "lies/$1"
	sqlite3 "lies/$1" "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; $2" >/dev/null
}

# Every number of every table, one after the other, as something negative, as the largest and as the smallest.
while IFS='|' read -r table column; do
	for value in -1 9223372036854775807 '(-9223372036854775807 - 1)'; do
		lie "$table.$column.${value//[^0-9-]/_}" "UPDATE OR IGNORE $table SET $column = $value"
	done
done < <(sqlite3 story.db "SELECT tables.name, columns.name FROM sqlite_schema AS tables,
	pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' AND columns.type = 'INTEGER'
	AND tables.name IN ('recording', 'process', 'space', 'event', 'marker', 'signal', 'event_block', 'event_block_space')
	AND columns.name NOT IN ('r15', 'r14', 'r13', 'r12', 'rbx', 'r11', 'r10', 'r9', 'r8', 'rcx', 'rdx', 'rsi', 'a4', 'a5')")
lie text-of-a-megabyte "UPDATE marker SET text = printf('%.*c', 1000000, 'x')"
lie text-of-newlines "UPDATE marker SET text = replace(printf('%.*c', 1000, 'x'), 'x', char(10, 27))"
lie text-with-zero "UPDATE marker SET text = 'a' || char(0) || 'b'; UPDATE file SET path = char(0) || 'b'"
lie names-of-a-megabyte "UPDATE process SET comm = printf('%.*c', 1000000, 'x'); UPDATE space SET comm = printf('%.*c', 1000000,
	'x'); UPDATE signal SET comm = printf('%.*c', 1000000, 'x'), directory = printf('%.*c', 1000000, 'x')"
lie paths-of-a-megabyte "UPDATE file SET path = printf('/%.*c', 1000000, 'x') || id"
lie boot-of-a-megabyte "UPDATE recording SET boot_id = printf('%.*c', 1000000, 'x'), filter = boot_id"
lie names-not-utf8 "UPDATE process SET comm = CAST(x'ff1b5b33316d80' AS TEXT); UPDATE space SET comm = CAST(x'c0af' AS TEXT);
	UPDATE file SET path = CAST(x'2feda080' AS TEXT) || id"
lie parent-of-itself 'UPDATE space SET parent_space_id = id, origin = 2'
lie parents-in-a-circle 'INSERT INTO space SELECT id + 1, process_id, id, 2, from_ns, 0, 1, 2, 3, 4, comm, 0 FROM space;
	UPDATE space SET parent_space_id = 2, origin = 2 WHERE id = 1'
lie many-deaths 'WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
	INSERT INTO process SELECT i, recording_id, pid + i, namespace_pid + i, parent_pid, uid, start_ns, first_seen_ns, exit_ns,
	exit_status, cgroup_id, comm, last_uid FROM process, n'
lie filter-empty "UPDATE event_block SET filter = x''"
lie filter-huge 'UPDATE event_block SET filter = zeroblob(50000000)'
lie filter-ones "UPDATE event_block SET filter = CAST(replace(hex(zeroblob(1000)), '0', 'f') AS BLOB), levels = -1"
lie no-blocks 'DELETE FROM event_block; DELETE FROM event_block_space'
lie no-processes 'DELETE FROM process'
lie no-spaces 'DELETE FROM space'
lie no-recordings 'DELETE FROM recording'
lie no-files 'DELETE FROM file'
lie no-events 'DELETE FROM event'
for file in cut/* changed/* lies/*; do
	rm -f "$file-journal" "$file-wal" "$file-shm"
done

# try FILE: a database to be listed and explained from; and one of the other verbs in turn.
turn=0
try() {
	local all='SELECT * FROM v_event, v_crash, v_process, v_marker LEFT JOIN v_gap ON 1'

	case $1 in
	lies/*)
		attempt "$1" list --db "$1"
		attempt "$1" explain --db "$1" ./core
		timeout 10 "$corelate" explain --json --db "$1" ./core >"results/json-${1#lies/}" 2>/dev/null ||
			rm -f "results/json-${1#lies/}"
		;;
	*) attempt "$1" explain --db "$1" ;;
	esac
	case $((turn++ % 4)) in
	0) attempt "$1" explain --db "$1" ;;
	1) attempt "$1" why --all --db "$1" 0x7ffff7a4f234 ;;
	2) attempt "$1" list --json --db "$1" ;;
	*) attempt "$1" sql --db "$1" "$all" ;;
	esac
}

in_parallel cut/* changed/* lies/*
answered=$(cat results/*.answered | wc -l)
[ "$answered" -ge 500 ] || fail "only $answered of the attempts got an answer"

# Whatever the numbers are, the report is one.
if "$python" -c 'import jsonschema' 2>/dev/null; then
	[ "$(find results -name 'json-*' | wc -l)" -ge 50 ] || fail 'hardly any of the lies was explained'
	"$python" "$source_root/tests/cli/validate.py" "$schema" results/json-* >complaints || fail 'reports that are not valid:'
	head -n 30 complaints
else
	echo 'partly skipped: python3-jsonschema is not installed'
fi

# ---- schemas that lie ----
# forged NAME SQL: the schema is not ours, which must be said before anything is read.
forged() {
	cp story.db "$1.db"
	sqlite3 "$1.db" "PRAGMA journal_mode = DELETE; $2" >/dev/null
	for verb in list explain; do
		refuse 1 'not that of a corelate store' "$corelate" $verb --db "$1.db"
	done
	refuse 1 'not that of a corelate store' "$corelate" sql --db "$1.db" 'SELECT * FROM v_crash'
}
forged view 'DROP VIEW v_crash; CREATE VIEW v_crash AS SELECT 1 AS id'
forged endless-view 'DROP VIEW v_crash; CREATE VIEW v_crash AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
	SELECT i AS id FROM n'
forged endless-table 'DROP TABLE signal; CREATE VIEW signal AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
	SELECT i AS id, 1 AS fatal, 1 AS process_id FROM n'
forged column 'ALTER TABLE event ADD COLUMN more INTEGER'
forged index 'DROP INDEX marker_thread'
forged no-table 'DROP TABLE gap'
# What somebody has added for himself does no harm.
cp story.db added.db
sqlite3 added.db 'PRAGMA journal_mode = DELETE; CREATE VIEW mine AS SELECT 1 AS one; CREATE TABLE notes (a)' >/dev/null
accept "$corelate" sql --db added.db 'SELECT one FROM mine'
# Not even a trigger of somebody else's is run by the next recorder.
if is_root; then
	cp story.db trigger.db
	sqlite3 trigger.db 'PRAGMA journal_mode = DELETE; CREATE TABLE mine (a);
		CREATE TRIGGER t AFTER INSERT ON recording BEGIN INSERT INTO mine VALUES (1); END' >/dev/null
	run "$corelate" record --db trigger.db -- true
	[ "$(sqlite3 trigger.db 'SELECT count(*) FROM mine')" = 0 ] || fail 'the recorder has run a trigger of the database'
fi
finish
