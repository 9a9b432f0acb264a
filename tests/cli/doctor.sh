#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate doctor: what it says of hosts that lack something.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db core=core

# health CHECK: of the last run, whose JSON is in out.
health() {
	"$python" -c 'import json, sys; print(next(c["health"] for c in json.load(open("out")) if c["check"] == sys.argv[1]))' "$1"
}

# expect CHECK HEALTH
expect() {
	checks=$((checks + 1))
	[ "$(health "$1")" = "$2" ] || fail "$1 is $(health "$1"), not $2"
}

diagnose() {
	run "$corelate" doctor --json "$@"
	expect_sane doctor "$@"
	[ ! -s err ] || fail "doctor says something on standard error: $(cat err)"
	"$python" "$here/validate.py" - out >complaints || fail "not strict JSON: $(cat complaints)"
}

diagnose --db story.db
expect database good
expect recorder poor
[ -e /sys/kernel/btf/vmlinux ] && expect kernel good

# The limit that a shell sets is the limit of what it starts.
pattern=$(cat /proc/sys/kernel/core_pattern)
if [ "${pattern:0:1}" != '|' ]; then
	(ulimit -Sc 0; diagnose --db story.db; [ "$status" -eq 1 ]; expect core-limit bad; exit $failures) || fail 'ulimit -c 0'
	if (ulimit -Sc unlimited) 2>/dev/null; then
		(ulimit -Sc unlimited; diagnose --db story.db; expect core-limit good; exit $failures) || fail 'ulimit -c unlimited'
	fi
	(ulimit -Sc 8; diagnose --db story.db; expect core-limit poor; exit $failures) || fail 'ulimit -c 8'
fi
(echo 0x2 >/proc/self/coredump_filter; diagnose --db story.db; expect core-filter poor; exit $failures) || fail coredump_filter

# Databases that are none.
diagnose --db missing.db
expect database poor
echo 'no database' >other.db
diagnose --db other.db
expect database bad
[ "$status" -eq 1 ] || fail "status $status for a bad database"
diagnose --db $'missing/\e[31m\xff.db'
expect disk poor

# A recorder at work is seen by its lock, and the lock stays with it.
if command -v flock >/dev/null; then
	"$python" - story.db-lock <<-'END' &
		import fcntl, struct, sys, time
		file = open(sys.argv[1], "r+b")
		fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
		open("locked", "w").close()
		time.sleep(60)
	END
	background+=($!)
	for _ in $(seq 500); do [ -e locked ] && break; sleep 0.02; done
	diagnose --db story.db
	expect recorder good
	diagnose --db story.db
	expect recorder good
fi

if is_root && command -v setpriv >/dev/null; then
	public_programs
	checks=$((checks + 1))
	"${as_nobody[@]}" "$work/bin/corelate" doctor --json --db "$work/story.db" >out 2>err || true
	expect privilege poor
	accept "$corelate" doctor --help
fi

# For a person: one line a check, advice under it.
run "$corelate" doctor --db story.db
expect_sane doctor
expect_text 'good  database      story.db, 0.'
finish
