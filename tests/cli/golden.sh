#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the verbs print about a known crash, word for word.
#
#   golden.sh BUILD-DIRECTORY               compares with golden/
#   golden.sh BUILD-DIRECTORY --regenerate  writes golden/ anew; read the difference before you commit it
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
regenerate=${2:-}

# golden NAME ARGUMENT...: the output of corelate with these arguments is golden/NAME. Run where the fixtures are, so
# that no path of the machine gets into it.
golden() {
	local name=$1

	shift
	accept "$corelate" "$@"
	compare "$name" "$@"
}

# compare NAME ARGUMENT...: what is in $work/out is golden/NAME.
compare() {
	local name=$1

	shift
	sed -i "s/\b${version//./\\.}\b/VERSION/g" "$work/out"
	if [ "$regenerate" = --regenerate ]; then
		cp "$work/out" "$here/golden/$name"
	elif ! diff -u "$here/golden/$name" "$work/out" >"$work/diff" 2>&1; then
		fail "corelate $*: not as in golden/$name"
		head -n 60 "$work/diff"
	fi
}

# steps NAME ARGUMENT...: the same of explain --steps, whose times are no run's twice.
steps() {
	local name=$1

	shift
	accept "$corelate" explain --steps "$@"
	sed -E -i 's/^([a-z-]+) +[0-9]+\.[0-9]{3}/\1 TIME/; s/"((total_)?ms)": [0-9.e-]+/"\1": 0/' "$work/out"
	compare "$name" explain --steps "$@"
}

version=$("$corelate" --version)
version=${version#corelate }
cd "$work"
fixture db=story.db core=core
fixture db=gap.db gap=1
fixture db=heap.db heap=1
fixture db=text.db marker_text='before the second munmap'
fixture db=nobody.db crash=0
fixture db=abort.db core=abort.core signal=6 code=-6

golden explain-core.txt explain --db story.db ./core
golden explain-record.txt explain --db story.db
golden explain-core-alone.txt explain --db nobody.db ./core
golden explain-gap.txt explain --db gap.db ./core
golden explain-marker-text.txt explain --db text.db ./core
golden explain-unknown.txt explain --db abort.db ./abort.core
golden explain-core.json explain --db story.db --json ./core
golden explain-record.json explain --db story.db --json
steps explain-steps.txt --db story.db ./core
steps explain-steps.json --db story.db --json ./core
golden info-core.txt info --db story.db ./core
golden info-record.txt info --db story.db
golden stack-core.txt stack --db story.db ./core
golden repair-nothing.txt repair --db story.db --dry-run ./core
golden why-unmapped.txt why --db story.db 0x7ffff7a4f234 ./core
golden why-record.txt why --db story.db 0x7ffff7a4f234
golden why-first-range.txt why --db story.db 0x7ffff7a00000 ./core
golden why-mapped.txt why --db story.db 0x555555555010 ./core
golden why-never.txt why --db story.db 0x1000 ./core
golden why-not-recorded.txt why --db nobody.db 0x1000 ./core
golden why-heap.txt why --db heap.db 0x555555574010 ./core
golden why-heap-all.txt why --db heap.db --all 0x555555574010 ./core
golden why-heap-record.txt why --db heap.db 0x555555574020
golden why-heap.json why --db heap.db --json 0x555555574010 ./core
golden why-unmapped.json why --db story.db --json 0x7ffff7a4f234 ./core
golden list.txt list --db story.db
golden list.json list --db story.db --json
golden sql-markers.txt sql --db story.db 'SELECT date, pid, tid, comm, number, own FROM v_marker'
golden sql-events.txt sql --db story.db 'SELECT date, tid, kind, result, a0, a1, added, removed, touched, path FROM v_event'
golden sql-mappings.txt sql --db story.db 'SELECT start, end, protection, path, made_by, gone_by FROM v_mapping'
golden sql-crash.json sql --db story.db --json 'SELECT date, pid, tid, comm, signal, code, address, ip, sender_pid FROM v_crash'
golden sql-gaps.txt sql --db gap.db 'SELECT pid, cause, since, until, lost FROM v_gap'
golden sql-version.txt sql --db story.db 'SELECT kernel_release, filter, corelate_version FROM recording'
golden sql-kinds.txt sql --db story.db "SELECT 1 AS one, 2.5 AS half, NULL AS missing, x'00ff' AS bytes, 'a|b' AS text"
golden sql-no-rows.txt sql --db story.db 'SELECT pid FROM process WHERE pid = 1'

# However a crash is named, it is the same one.
accept "$corelate" explain --db story.db
cp out by-default
id=$("$corelate" list --db story.db --json | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p')
for name in 4242 42 depot /opt/story/bin/depot "$id"; do
	accept "$corelate" explain --db story.db "$name"
	cmp -s out by-default || fail "explain $name is not the explanation of the same crash"
done
accept "$corelate" info --db story.db ./core
grep -q "id *$id " out || fail "the core and its record do not have the same id"

# The markers are the reader's milestones: none may be missing, in the order of their times.
for arguments in 'explain --all ./core' 'explain --all' 'why 0x7ffff7a4f234 ./core' 'why 0x7ffff7a4f234'; do
	# shellcheck disable=SC2086 # words on purpose
	accept "$corelate" $arguments --db story.db
	found=$(sed -n 's/.*-- marker \([0-9]*\) .*/\1/p' out | tr '\n' ' ')
	[ "$found" = '8888 9999 1000 1111 2222 ' ] || fail "corelate $arguments shows the markers $found"
done
finish
