#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Calls of `record` that must fail: 2 for a command line that makes no sense, 125 when recording itself is impossible.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

# A process id that is surely free: that of a process that has just been waited for.
true &
free_pid=$!
wait $free_pid
sqlite3 foreign.db 'CREATE TABLE mine (a); INSERT INTO mine VALUES (1)'
printf 'just some words\n' >text
fixture db=newer.db crash=0
sqlite3 newer.db 'PRAGMA user_version = 999' >/dev/null

# ---- the command line ----
refuse 2 '--frobnicate' "$corelate" record --frobnicate
refuse 2 "there is no process $free_pid" "$corelate" record --db x.db --pid $free_pid
for pid in 0 -1 abc '' 99999999999 1x; do
	refuse 2 '--pid takes a process id' "$corelate" record --db x.db "--pid=$pid"
done
refuse 2 "no user is called 'nobody-of-that-name'" "$corelate" record --db x.db --uid nobody-of-that-name
refuse 2 "no user is called '-1'" "$corelate" record --db x.db --uid=-1
refuse 2 '--ring takes a power of two' "$corelate" record --db x.db --ring 5000
refuse 2 '--ring takes a power of two' "$corelate" record --db x.db --ring 2K
refuse 2 '--ring takes a power of two' "$corelate" record --db x.db --ring 2G
refuse 2 "takes a size such as 512K, 8M or 2G, not 'x'" "$corelate" record --db x.db --quota x
refuse 2 'takes a size' "$corelate" record --db x.db --quota 0
refuse 2 'takes a size' "$corelate" record --db x.db --quota=-1
refuse 2 'takes a size' "$corelate" record --db x.db --quota ' -1' -- true
refuse 2 'takes a size' "$corelate" record --db x.db --quota 8MB
refuse 2 'takes a size' "$corelate" record --db x.db --quota 99999999999G
refuse 2 'takes a size' "$corelate" record --db x.db --queue ''
refuse 2 '--user needs a COMMAND' "$corelate" record --db x.db --user root
refuse 2 'exclude each other' "$corelate" record --db x.db --pid $$ -- true
refuse 2 '--cgroup' "$corelate" record --db x.db --cgroup /no/such/cgroup
refuse 2 '--exe' "$corelate" record --db x.db --exe /no/such/program
refuse 2 'not a program' "$corelate" record --db x.db --exe "$work"
refuse 2 '--comm takes' "$corelate" record --db x.db --comm ''
refuse 2 '--db takes a path' "$corelate" record --db ''
refuse 2 '\x1b[31m' "$corelate" record --db x.db --uid $'\e[31mred'
[ ! -e x.db ] || fail 'a command line that was refused has made a database'

# ---- the place to record to ----
before=$(sha256sum foreign.db text newer.db)
refuse 125 'not one of corelate' "$corelate" record --db foreign.db -- true
refuse 125 'not a database' "$corelate" record --db text -- true
refuse 125 'newer corelate' "$corelate" record --db newer.db -- true
refuse 125 'nowhere' "$corelate" record --db nowhere/x.db -- true
refuse 125 'not a regular file' "$corelate" record --db "$work" -- true
[ "$(sha256sum foreign.db text newer.db)" = "$before" ] || fail 'a file that was refused has been changed'
for file in foreign.db text newer.db; do
	[ ! -e $file-wal ] && [ ! -e $file-shm ] && [ ! -e $file-journal ] || fail "SQLite's files are left beside $file"
done

if ! is_root; then
	echo 'partly skipped: recording needs root'
	finish
	exit
fi

# ---- privilege ----
public_programs
mkdir open closed
chmod 777 open
chmod 755 closed
# Where they could write, what they lack is privilege, and that is what they must be told.
refuse 125 'root' "${as_nobody[@]}" "$work/bin/corelate" record --db "$work/open/x.db" -- true
refuse 125 'root' "${as_nobody[@]}" "$work/bin/corelate" record --db "$work/open/y.db"
refuse 125 'closed/x.db' "${as_nobody[@]}" "$work/bin/corelate" record --db "$work/closed/x.db" -- true
mkdir fixed
mount_read_only='mount -t tmpfs -o ro none "$1" && shift && exec "$@"'
if unshare -m true 2>/dev/null; then
	refuse 125 'fixed/x.db' unshare -m sh -c "$mount_read_only" sh "$work/fixed" "$corelate" record \
		--db "$work/fixed/x.db" -- true
else
	echo 'partly skipped: no private mount namespace can be made'
fi

# ---- the command ----
# As a shell says it.
run "$corelate" record --db x.db -- /no/such/command
[ "$status" -eq 127 ] && grep -q 'cannot run /no/such/command: No such file' err ||
	fail "a command that is not there: status $status where 127 was expected"
refuse 125 'nobody-of-that-name' "$corelate" record --db x.db --user nobody-of-that-name -- true

# ---- a second recorder ----
"$corelate" record --db busy.db --pid $$ 2>first.err &
first=$!
background+=("$first")
for ((i = 0; i < 100; i++)); do
	grep -q 'recording' first.err && break
	sleep 0.1
done
if grep -q 'recording' first.err; then
	refuse 125 'another recorder is writing' "$corelate" record --db busy.db -- true
		accept "$corelate" sql --db busy.db 'SELECT ended_ns FROM recording'
	expect_text 0
	kill -INT "$first"
	status=0
	wait "$first" || status=$?
	[ "$status" -eq 0 ] || fail "an interrupted recorder ended with status $status"
	grep -qE '^corelate: [0-9]+ events stored, 0 lost$' first.err || {
		fail 'an interrupted recorder did not say what it has stored:'
		show first.err
	}
	accept "$corelate" sql --db busy.db 'SELECT count(*) AS ended FROM recording WHERE ended_ns > 0 AND emitted = stored + lost'
	expect_text 1
else
	fail 'the first recorder did not start:'
	show first.err
fi

# ---- the status is the command's ----
run "$corelate" record --db status.db -- sh -c 'exit 7'
[ "$status" -eq 7 ] || fail "the command ended with 7, record with $status"
run "$corelate" record --db status.db -- sh -c 'kill -TERM $$'
[ "$status" -eq 143 ] || fail "the command died of SIGTERM, record ended with $status where 143 was expected"
finish
