#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The recorder is killed: what was recorded until a quarter of a second before stays, the hole is known, the watched
# program does not notice, and the next recorder goes on in the same database.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

: >"$TMP/ticks"
"$VICTIMS/puppet" <<<"tick 100000" >>"$TMP/ticks" 9>&- &
victim=$!
LIVE_PIDS+=("$victim")

ticks_are_at_least() {
	[ "$(wc -l <"$TMP/ticks")" -ge "$1" ]
}

within 10 ticks_are_at_least 10
recorder_start --pid "$victim"
within 20 ticks_are_at_least $(($(wc -l <"$TMP/ticks") + 200)) || fail "the victim is slow"
killed=$("$PYTHON" -c '
import os, signal, sys, time
now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
os.kill(int(sys.argv[1]), signal.SIGKILL)
print(now)' "$RECORDER")
wait "$RECORDER" 2>/dev/null || true
forget "$RECORDER"

# The victim goes on.
within 10 ticks_are_at_least $(($(wc -l <"$TMP/ticks") + 100)) || fail "the victim stopped"
kill -0 "$victim" || fail "the victim died"

# Read as it lies there, log and all, before any writer repairs it.
cp "$DB" "$TMP/copy.db"
[ ! -e "$DB-wal" ] || cp "$DB-wal" "$TMP/copy.db-wal"
equal "integrity after the kill" "$(sqlite3 "$TMP/copy.db" 'PRAGMA integrity_check')" ok
equal "end of a killed recording" "$(query 'SELECT ended_ns FROM recording')" 0

# Every call that the victim made while it was recorded, until 250 ms before the kill, is there.
cat >"$TMP/compare.py" <<'END'
import sqlite3, sys

db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
victim, until = int(sys.argv[3]), int(sys.argv[4])
started = db.execute("SELECT started_ns FROM recording ORDER BY id LIMIT 1").fetchone()[0]
stored = {row[0] for row in db.execute(
    "SELECT result FROM event JOIN space ON space.id = space_id JOIN process ON process.id = process_id "
    "WHERE pid = ? AND kind = 2", (victim,))}
wanted = []
for line in open(sys.argv[2]):
    words = line.split()
    if len(words) == 2 and words[0].startswith("0x") and started < int(words[1]) < until:
        wanted.append((int(words[0], 16), int(words[1])))
missing = [w for w in wanted if w[0] not in stored]
print(len(wanted), len(missing))
if missing:
    print("first missing:", (until - missing[0][1]) / 1e6, "ms before the bound", file=sys.stderr)
END
read -r wanted missing < <("$PYTHON" "$TMP/compare.py" "$DB" "$TMP/ticks" "$victim" $((killed - 250000000)))
holds "calls to find" "$wanted" -gt 100
equal "calls that are missing" "$missing" 0
committed=$(query 'SELECT last_commit_ns FROM recording')
holds "last commit" "$committed" -gt $((killed - 250000000))
holds "last commit" "$committed" -le "$killed"
# What the row says of itself holds too: all before last_commit_ns is there.
read -r wanted missing < <("$PYTHON" "$TMP/compare.py" "$DB" "$TMP/ticks" "$victim" "$committed")
equal "calls that are missing before last_commit_ns" "$missing" 0

# ---- the next recorder ----

recorder_start --pid "$victim"
within 20 ticks_are_at_least $(($(wc -l <"$TMP/ticks") + 50))
kill -SEGV "$victim"
wait "$victim" 2>/dev/null || true
forget "$victim"
recorder_stop
check_books
equal "recordings" "$(query 'SELECT count(*) FROM recording')" 2
equal "the hole" "$(query "SELECT gap.recording_id, v_gap.cause, until IS NULL, v_gap.lost IS NULL, v_gap.pid IS NULL,
	gap.from_ns = last_commit_ns FROM v_gap JOIN gap USING (id) JOIN recording ON recording.id = gap.recording_id")" \
	"1|recorder ended uncleanly|1|1|1|1"
equal "processes" "$(query "SELECT group_concat(recording_id) FROM process WHERE pid = $victim")" "1,2"
read -r _ missing < <("$PYTHON" "$TMP/compare.py" "$DB" "$TMP/ticks" "$victim" "$committed")
equal "calls that went missing later" "$missing" 0
equal "integrity" "$(sqlite3 "$DB" 'PRAGMA integrity_check')" ok
equal "the crash" "$(query "SELECT signal, pid FROM v_crash")" "SIGSEGV|$victim"
explain
equal "explained from the second recording" "$(json "$EXPLAINED" 'd["crash"]["pid"]')" "$victim"

# ---- a database that is being written all the time: read meanwhile, and after a kill at any moment ----

DB=$TMP/busy.db
mkfifo "$TMP/busy"
"$VICTIMS/puppet" <"$TMP/busy" >/dev/null 9>&- &
busy=$!
LIVE_PIDS+=("$busy")
exec {BUSY_IN}>"$TMP/busy"
for ((i = 0; i < 100; i++)); do
	printf 'burst 1000000\n'
done >&"$BUSY_IN"
for round in 1 2 3; do
	recorder_start --pid "$busy"
	# Often enough to meet a checkpoint of the log.
	for ((i = 0; i < (round == 1 ? 200 : 7); i++)); do
		seen=$("$CORELATE" sql --db "$DB" 'SELECT count(*) FROM recording' 2>&1 | tail -1) || true
		[ "$seen" = "$round" ] || {
			fail "read $i beside the writer, round $round: $seen"
			break
		}
	done
	kill -KILL "$RECORDER"
	wait "$RECORDER" 2>/dev/null || true
	forget "$RECORDER"
	seen=$("$CORELATE" sql --db "$DB" 'SELECT count(*) FROM recording' 2>&1 | tail -1) || true
	equal "recordings after kill $round" "$seen" "$round"
done
kill -KILL "$busy"
wait "$busy" 2>/dev/null || true
forget "$busy"
equal "integrity of the busy database" "$(sqlite3 "$DB" 'PRAGMA integrity_check')" ok

# ---- killed while its own command runs: the command goes on ----

DB=$TMP/command.db
: >"$TMP/ticks"
"$CORELATE" record --db "$DB" -- "$VICTIMS/puppet" <<<"tick 100000" >"$TMP/ticks" 2>"$TMP/log" 9>&- &
recorder=$!
LIVE_PIDS+=("$recorder")
within 30 ticks_are_at_least 50 || fail "the command did not start"
read -r _ victim <"$TMP/ticks"
LIVE_PIDS+=("$victim")
kill -KILL "$recorder"
wait "$recorder" 2>/dev/null || true
forget "$recorder"
within 10 ticks_are_at_least $(($(wc -l <"$TMP/ticks") + 50)) || fail "the command ended with its recorder"
live_end
