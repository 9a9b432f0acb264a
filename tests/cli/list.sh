#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The list of crashes: which are meant, in what order, in what form.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db
fixture db=nobody.db crash=0

# Three more deaths, an hour, a day and two days after the first; the last one of another program, by another signal.
# death PROCESS PID UID COMM SECONDS SIGNAL
death() {
	local space=$((100 + $1)) process=$((100 + $1))

	sqlite3 story.db "
		INSERT INTO file SELECT $process, device_major, device_minor, inode + $1, '/usr/bin/$4' FROM file WHERE id = 1;
		CREATE TEMP TABLE one AS SELECT * FROM process WHERE id = 1;
		UPDATE one SET id = $process, pid = $2, namespace_pid = $2, uid = $3, last_uid = $3, comm = '$4';
		INSERT INTO process SELECT * FROM one;
		CREATE TEMP TABLE place AS SELECT * FROM space WHERE id = 1;
		UPDATE place SET id = $space, process_id = $process, comm = '$4', executable_file_id = $process,
			auxv_random = auxv_random + 16 * $1;
		INSERT INTO space SELECT * FROM place;
		CREATE TEMP TABLE death AS SELECT * FROM signal WHERE id = 1;
		UPDATE death SET id = $process, process_id = $process, space_id = $space, tid = $2, namespace_tid = $2,
			comm = '$4', time_ns = time_ns + $5 * 1000000000, number = $6;
		INSERT INTO signal SELECT * FROM death;" || fail "sqlite3 cannot add $4"
}
death 1 5000 1000 depot 3600 11
death 2 5001 0 cabinet 86400 6
death 3 5002 1000 shelf 172800 11

# pids ARGUMENT...: the pids that the list has, in its order.
pids() {
	run "$corelate" list --db story.db --no-legend "$@"
	expect_sane list "$@"
	awk '{print $5}' out | tr '\n' ' ' | sed 's/ $//'
}

# same WANTED ARGUMENT...: those, and status 0, or 3 where none is.
same() {
	local wanted=$1 found

	shift
	found=$(pids "$@")
	status=0
	"$corelate" list --db story.db "$@" >out 2>err || status=$?
	[ "$found" = "$wanted" ] || fail "list $*: '$found' where '$wanted' was expected"
	[ "$status" -eq "$([ -n "$wanted" ] && echo 0 || echo 3)" ] || fail "list $*: status $status"
	checks=$((checks + 1))
}

same '4242 5000 5001 5002'
same '5002 5001 5000 4242' -r
same '5002 5001 5000 4242' --reverse
same 5002 -1
same '5001 5002' -n 2
same '5002 5001' -n2 --reverse
same '4242 5000 5001 5002' -n 99
same '4242 5000' depot
same 5000 -1 depot
same 5001 cabinet
same 5001 5001
same '5000 5001' 5001 5000
same 4242 42
same '4242 5000 5002' depot shelf
same 5000 depot 5000
same '' depot 5001
same 5002 /usr/bin/shelf
same 4242 /opt/story/bin/depot
same '' /bin/shelf
same '5001' COREDUMP_UID=0
same '5001' COREDUMP_SIGNAL=6
same '4242 5000 5002' COREDUMP_SIGNAL=11 COREDUMP_UID=1000
same '4242 5000 5001 5002' COREDUMP_SIGNAL=11 COREDUMP_SIGNAL=6
same 5001 COREDUMP_EXE=/usr/bin/cabinet
same '' _HOSTNAME=elsewhere
same '4242 5000 5001 5002' _BOOT_ID=0123456789ab4cde8f0123456789abcd
same '5001 5002' --since '2024-05-07'
same '5001 5002' -S2024-05-07
same '4242 5000' --until '2024-05-07'
same 5000 --since '2024-05-06 08:00:00' --until '2024-05-07 UTC'
same 5001 --since 2024-05-07 --until 2024-05-08 -r
same '' --since -2h
same '' --until @0
same 5002 --since @1715152091
same '' --since @1715152092
same '5000 5001' -n 2 --until 2024-05-08T00:00:00Z
id=$("$corelate" list --db story.db --json shelf | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p')
same 5002 "$id"

# The same arguments mean the same crash everywhere: the newest of them.
for arguments in depot '5000 5001 --until 2024-05-07' '4242 5000' 'depot COREDUMP_UID=1000'; do
	# shellcheck disable=SC2086 # words on purpose
	accept "$corelate" info --db story.db $arguments
	expect_text 'pid 5000,'
done
accept "$corelate" explain --db story.db --until '2024-05-06 08:00' --json=short
expect_text '"pid":42,'
[ "$(wc -l <out)" -eq 1 ] || fail 'explain --json=short is not one line'
accept "$corelate" explain --db story.db 4242
accept "$corelate" info --db story.db "$id"
expect_text 'pid 5002,'

# ---- the forms ----
accept "$corelate" list --db story.db
[ "$(head -n 1 out | tr -s ' ')" = 'TIME PID UID GID SIG COREFILE EXE SIZE ID VERDICT' ] || fail "headings: $(head -n 1 out)"
[ "$(wc -l <out)" -eq 5 ] || fail 'not one line a crash'
accept "$corelate" list --db story.db --no-legend
[ "$(wc -l <out)" -eq 4 ] || fail 'a legend in spite of --no-legend'
accept "$corelate" list --db story.db --json=short -r
[ "$(wc -l <out)" -eq 1 ] || fail '--json=short is not one line'
"$python" -c '
import json, sys
rows = json.load(open("out"))
assert [row["pid"] for row in rows] == [5002, 5001, 5000, 4242], rows
assert rows[1]["signal"] == "SIGABRT" and rows[1]["signal_number"] == 6 and rows[1]["uid"] == 0, rows[1]
assert rows[0]["gid"] is None and rows[0]["corefile"] == "none" and rows[0]["core"] is False, rows[0]
assert len({row["id"] for row in rows}) == 4, rows
' || fail 'list --json=short -r has not what it should'
accept "$corelate" list --db story.db --json=pretty
cp out pretty
accept "$corelate" list --db story.db --json
cmp -s out pretty || fail '--json is not --json=pretty'
accept "$corelate" list --db story.db --json=off
[ "$(wc -l <out)" -eq 5 ] || fail '--json=off is not the table'
run "$corelate" list --db story.db --json nobody
[ "$status" -eq 3 ] && [ "$(tr -d ' \n' <out)" = '[]' ] || fail "no match as JSON: status $status, $(cat out)"
for verb in 'sql SELECT/**/1 --db story.db' 'doctor --db story.db' probes 'why 0x1000 --db story.db'; do
	# shellcheck disable=SC2086 # words on purpose
	run "$corelate" $verb --json=short
	[ "$status" -le 1 ] && { [ ! -s out ] || [ "$(wc -l <out)" -eq 1 ]; } || fail "$verb --json=short is not one line"
done

# ---- nothing to say ----
run "$corelate" list -q --db story.db nobody
[ "$status" -eq 3 ] && [ ! -s out ] && [ ! -s err ] || fail "list -q of nothing: status $status, or words"
accept "$corelate" list --quiet --db nobody.db
[ ! -s out ] || fail 'list -q of an empty record says something'
finish
