#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# gc of the database: what goes, what is told of it, and what a core of a process that went is explained as.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

fixture db=story.db core=core
printf 'Vault=%s/vault\nDatabase=%s/story.db\n' "$work" "$work" >gc.conf
gc() {
	run "$corelate" gc --config gc.conf "$@"
	[ "$status" -eq 0 ] && [ ! -s err ] || fail "gc $*: status $status, $(show err)"
}
holds() {
	grep -q -e "$1" out || fail "no '$1' in $(show out)"
}
count() {
	sqlite3 story.db "SELECT count(*) FROM $1"
}
# Beside it somebody newer, who holds the newest ids and lives in a recording of the year 2255.
sqlite3 story.db "UPDATE process SET exit_ns = 1002345678901 WHERE exit_ns = 0;
	INSERT INTO process SELECT id + 100, recording_id, 99999, 99999, 0, 0, start_ns, first_seen_ns, 0, 0, 0, 'newest', 0
		FROM process WHERE id = (SELECT max(id) FROM process);
	INSERT INTO recording SELECT 50, boot_id, 9000000000000000000 - realtime_offset_ns, 0, 0, realtime_offset_ns,
		abi_version, 0, 0, 0, kernel_release, '', corelate_version FROM recording;
	UPDATE process SET recording_id = 50 WHERE comm = 'newest';
	INSERT INTO space SELECT 100, (SELECT max(id) FROM process), 0, 1, from_ns, 0, 0, 0, 0, 0, 'newest', 0
		FROM space LIMIT 1"
sqlite3 story.db "CREATE TEMP TABLE last AS SELECT * FROM signal WHERE id = (SELECT max(id) FROM signal);
	UPDATE last SET id = id + 100, process_id = (SELECT max(id) FROM process), space_id = 100, fatal = 1;
	INSERT INTO signal SELECT * FROM last"
processes=$(count process)
events=$(count event)

gc --dry-run --max-database-age 1h
holds "database $work/story.db: 1 process would be removed (1 of them had crashed), 1 kept; about .* KiB before"
[ "$processes" -eq 2 ] || fail "the fixture has $processes processes"
[ "$(count process)" -eq "$processes" ] || fail 'a dry run removed processes'
gc --max-database-age no --max-database-bytes no
holds ' 0 processes removed'
run "$corelate" explain --no-pager --db story.db core
grep -q '11 events of this process' out || fail "explain before: $(show out)"

gc --json --max-database-age 1h
"$python" - out "$processes" <<'EOF' || fail "the JSON of gc: $(show out)"
import json, sys
d = json.load(open(sys.argv[1]))["database"]
assert d["removed"] == int(sys.argv[2]) - 1 and d["removed_crashes"] == 1 and d["kept"] == 1, d
assert d["removed_rows"] > 10 and not d["recorder_runs"] and d["used_bytes"] <= d["used_bytes_before"], d
EOF
[ "$(count process)" -eq 1 ] || fail "$(count process) processes are left"
[ "$(count event)" -lt "$events" ] || fail 'the events are still there'
run "$corelate" sql --db story.db 'SELECT emitted, stored, lost, pruned FROM v_recording WHERE id = 1'
[ "$(tail -n 1 out)" = "11|11|0|$((processes - 1))" ] || fail "the books: $(show out)"
run "$corelate" explain --no-pager --db story.db core
[ "$status" -eq 0 ] || fail "explain after: status $status"
holds 'its record was removed: corelate gc has removed the records of'
holds 'until 2024-05-06 07:08:11 UTC'
! grep -qi 'proven' out || fail "something is proven without a record: $(show out)"

# ---- what goes wrong ----
printf 'Vault=%s/vault\nDatabase=%s/none.db\n' "$work" "$work" >none.conf
run "$corelate" gc --config none.conf
[ "$status" -eq 0 ] && ! grep -q database out || fail "without a database: $status, $(show out)"
[ ! -e none.db ] || fail 'gc made a database'
printf 'no database\n' >text.db
printf 'Vault=%s/vault\nDatabase=%s/text.db\n' "$work" "$work" >text.conf
refuse 1 'text.db' "$corelate" gc --json --config text.conf
refuse 2 "'many' is no value for --max-database-bytes" "$corelate" gc --config gc.conf --max-database-bytes many
refuse 2 "'-1d' is no value for --max-database-age" "$corelate" gc --config gc.conf --max-database-age=-1d
printf 'MaxDatabaseSize=large\n' >bad.conf
refuse 1 "bad.conf:1: 'large' is no value for MaxDatabaseSize" "$corelate" gc --config bad.conf

finish
