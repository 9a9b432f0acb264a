#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The ring and the queue are full, and what is told once comes through all the same: who a process is, what it has become,
# what a file is called, who has ended.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

CROWD=$VICTIMS/crowd
# No other test has a program of that name.
VICTIM=$TMP/crowd-victim
cp "$CROWD" "$VICTIM"

# ---- an exec that finds the ring full ----

# exec_in_a_crowd CHILDREN: the victim that the crowd becomes dies; what is common to both.
exec_in_a_crowd() {
	DB=$TMP/exec-$1.db
	STATUS=0
	"$CORELATE" record --db "$DB" --ring 4K -- "$CROWD" exec parent "$1" "$VICTIM" victim parent 2>"$TMP/log" 9>&- || STATUS=$?
	equal "status" "$STATUS" 139
	check_books
	holds "lost calls" "$(query 'SELECT lost FROM recording')" -gt 1000
	equal "what it has become" "$(query "SELECT comm, executable, status FROM v_process ORDER BY id LIMIT 1")" \
		"crowd-victim|$VICTIM|signal 11"
	# Whoever was announced has ended, and once.
	equal "ends" "$(query "SELECT count(*) FROM process WHERE exit_ns = 0")" 0
	equal "ends of early children" "$(query "SELECT count(*) FROM v_process WHERE status = 'exit 7'")" 8
	# What it does afterwards is the new program's.
	equal "whose the calls are" "$(query "SELECT space.comm, origin, process_id FROM event JOIN space ON space.id = space_id
		WHERE a1 = 1048576 AND kind IN (2, 3) GROUP BY kind" | paste -sd,)" "crowd-victim|1|1,crowd-victim|1|1"
	# All that exec lays out itself is there, and no more than once.
	equal "what exec maps" "$(query "SELECT count(*) >= 4, count(*) = count(DISTINCT a0) FROM event
		JOIN file ON file.id = file_id JOIN space ON space.id = space_id
		WHERE kind = 1 AND path = '$VICTIM' AND space.comm = 'crowd-victim'")" "1|1"
	explain
	equal "verdict" "$(verdict)" "use-after-munmap likely"
	contains "the frame" "$(json "$EXPLAINED" 'd["findings"][0]["summary"]')" "take_away"
}

exec_in_a_crowd 0
# So many announcements that what is kept for them is full, too: then they are owed.
exec_in_a_crowd 3000
holds "announcements that found room" "$(query 'SELECT count(*) FROM process')" -gt 100

# ---- one that the filter takes only after its exec ----

DB=$TMP/comm.db
recorder_start --ring 4K --comm crowd-victim
"$VICTIM" hand-over "$RECORDER" "$CROWD" "$VICTIM" victim "$RECORDER" 9>&- || fail "the crowd has lost its victim"
recorder_stop
check_books
equal "processes" "$(query "SELECT comm, status FROM v_process ORDER BY id" | paste -sd,)" "crowd-victim|exit 0,crowd-victim|signal 11"
equal "crashes" "$(query 'SELECT signal FROM v_crash')" SIGSEGV

# ---- a path that finds the queue full ----

cat >crowd-queue <<'END'
sleep 0.3
sqlite3 "$DB" 'PRAGMA busy_timeout = 3000; BEGIN IMMEDIATE; UPDATE recording SET id = id' '.shell sleep 3' 'COMMIT' >locked &
sleep 0.3
"$CROWD" path "$TMP/first" 30000
wait
sleep 1
"$CROWD" path "$TMP/first" 10
"$CROWD" path "$TMP/second" 10
END
DB=$TMP/queue.db
cp /bin/true "$TMP/first"
cp /bin/true "$TMP/second"
export CROWD TMP
"$CORELATE" record --db "$DB" --queue 1M -- bash crowd-queue 2>"$TMP/log" 9>&- || fail "the crowd before the queue: status $?"
check_books
holds "losses of the queue" "$(query 'SELECT coalesce(sum(lost), 0) FROM gap WHERE cause = 2')" -gt 1000
equal "paths" "$(query "SELECT path FROM event JOIN file ON file.id = file_id WHERE kind = 2 AND path IN ('$TMP/first', '$TMP/second')
	ORDER BY event.id" | paste -sd,)" "$TMP/first,$TMP/second"
equal "processes without an end" "$(query 'SELECT count(*) FROM process WHERE exit_ns = 0')" 0
equal "programs" "$(query "SELECT count(*) FROM process WHERE comm = 'crowd'")" 3

# ---- threads that end at the same moment; calls that nobody returns from, of processes that are over in a moment ----

DB=$TMP/end.db
record "$CROWD" end 16 300
equal "status of the ends" "$STATUS" 0
check_books
equal "processes, ends" "$(query 'SELECT count(*), count(nullif(exit_ns, 0)) FROM process')" "301|301"
DB=$TMP/give-up.db
"$CORELATE" record --db "$DB" --probe "$CROWD:hang_on" -- "$CROWD" give-up 12 300 2>"$TMP/log" 9>&- || fail "giving up: status $?"
check_books
equal "processes, ends of those that gave up" "$(query 'SELECT count(*), count(nullif(exit_ns, 0)) FROM process')" "301|301"
holds "calls that were given up" "$(query 'SELECT count(*) FROM call WHERE duration_ns = -1')" -gt 0
live_end
